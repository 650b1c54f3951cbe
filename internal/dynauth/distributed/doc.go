// Package distributed holds what decision, policy and information points say to each
// other in distributed authorization (TS-0003 clause 7.5, TS-0004 clauses 7.4.43
// to 7.4.45): the questions and answers that UPDATE requests to
// <authorizationDecision>, <authorizationPolicy> and <authorizationInformation>
// carry, in which order the points of a list are asked, and what keeps
// questions from going round in circles or piling up. Everything that isn't a
// clear answer is no permit.
//
// It sends nothing and knows no resources: a CSE does both.
package distributed
