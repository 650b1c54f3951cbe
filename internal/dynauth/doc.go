// Package dynauth is what an operator tells a CSE about those who grant roles
// and tokens: Token Issuers with their keys and with the protection that each of
// them uses (TS-0003 clause 7.3.2.6.3), and Authorization Authorities whose role
// assignments count (TS-0003 clause 7.4.3).
//
// It reads text and checks it. The tokens themselves are package token's, the
// decision is package access's.
package dynauth
