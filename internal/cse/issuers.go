package cse

import "bulwark/token"

// TrustIssuers puts other keys and protections of Token Issuers in the place of
// those that the CSE was made with. They count at once. A CSE that was made
// without any does not begin to take tokens.
func (c *CSE) TrustIssuers(v *token.Verifier) {
	if c.tokens != nil {
		c.tokens.Trust(v)
	}
}
