// Package chattest holds what every [chat.Store] is measured with: an in-memory
// [Model] that is simple enough to be right by reading it, the conformance
// suite [Run], a property test that compares a store with the model over random
// histories, and [Apply], the pure step from a view and an event to the next
// view.
//
// The model is also a fine store for tests of other packages.
package chattest
