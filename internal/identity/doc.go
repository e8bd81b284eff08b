// Package identity is what proves who people are: password hashes, secrets,
// ids, and names that cannot be mistaken for one another. It fills the ports of
// the same kind in chat.Config.
package identity
