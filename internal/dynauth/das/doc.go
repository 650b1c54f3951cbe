// Package das is a Dynamic Authorization Server (TS-0003 clause 7.3, TS-0001
// clause 11.5): it decides, by the policy of an operator, who gets which roles
// or rules on which resources of which CSEs, when, for how long and how many at
// once, and it issues them as signed tokens or as rules for a dynamic
// <accessControlPolicy>.
//
// Parse reads a policy and Policy.Decide is the decision, a pure function of
// the question, the time and what is outstanding. Authority is the server
// around it: keys with rotation, tokens, revocation and the records of
// authorization relationships, all kept in a Ledger. It answers messages; how
// they arrive, and who has been proven to send them, is for others.
package das
