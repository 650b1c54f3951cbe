// Package recall is how a Dynamic Authorization Server calls back what it has
// granted. oneM2M has no word for it: a token ends when it says so, and a dynamic
// <accessControlPolicy> with its expirationTime (TS-0003 clauses 7.3.2.2 and
// 7.3.2.4); the AE of a server may only give a token another holder (clause
// 7.3.2.7.2). So this is a message of our own, a notification from the AE of the
// server to the <CSEBase> of the CSE that it has granted something to.
//
// What comes over other CSEs is not authenticated, so the message proves
// itself: it is a token that the server has made out to itself, for that CSE and
// for some minutes, without permissions, and with the message as its extension.
// The CSE takes it with the keys and the protections that it takes the tokens of
// the server with.
//
// Message is what is in it. Marks keep an answer that was on its way from undoing
// a recall.
package recall
