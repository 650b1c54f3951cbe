// Package token is the token of TS-0003 clause 7.3.2: a statement of an issuer
// that its holder has roles or may do things, protected as ESData and carried as
// a JSON Web Token.
//
// Claims is the content, mapped to a JWT and to m2m:tokenClaimSet and back. An
// issuer makes a token with Issue. A CSE is told about each issuer what it may
// use and which credentials prove it (Issuer); a Verifier accepts a token only
// under these. Claims.Check then compares the content with a request: holder,
// issuer, audience and time. A Cache remembers what was verified, by the digest
// of the token, until it expires or is revoked, and gives Local-Token-IDs that
// are good for one holder.
//
// The order of the checks is that of the text: form, security, mapping, content
// . An Error says which check failed and repeats nothing of the token.
// The package takes no decision: what a token's rules and roles permit is for
// the access decision.
package token
