// Package oidc lets people log in at OpenID Connect providers: their company's,
// or a public one.
//
// A log-in begins with a request of the client's log-in page, which gets the
// provider's address. The provider sends the browser back with a code, which
// this server exchanges for a signed statement of who the person is. Package
// chat decides what follows from it. Every check of an answer is in login.go
// and logout.go, in the order in which it is made.
//
// What a person is told is one of few problems, see [problem], which the client
// words in their language; the details are in the log.
package oidc
