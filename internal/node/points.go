package node

import (
	"bulwark/internal/cse"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/ops/config"
)

// bindings are what [pdp], [prp], [pip] and [[governed]] say; nil where no point
// is bound and nobody is trusted with tokens.
func bindings(cfg *config.Config) *cse.Bindings {
	b := &cse.Bindings{Resource: map[distributed.Kind]string{}, Further: cfg.PIP.Ask, Tokens: cfg.PDP.Tokens}
	for kind, address := range map[distributed.Kind]string{
		distributed.Decision: cfg.PDP.Resource, distributed.Policy: cfg.PRP.Resource, distributed.Information: cfg.PIP.Resource,
	} {
		if address != "" {
			b.Resource[kind] = address
		}
	}
	for _, text := range cfg.PDP.TokensTo {
		if id, _, err := cfg.Home().ParseID(text); err == nil { // checked when it was read
			b.TokensTo = append(b.TokensTo, id)
		}
	}
	for _, g := range cfg.Governed {
		b.Governed = append(b.Governed, cse.Governed{Targets: g.Targets, Policies: g.Policies})
	}
	if len(b.Resource) == 0 && len(b.TokensTo) == 0 {
		return nil
	}
	return b
}
