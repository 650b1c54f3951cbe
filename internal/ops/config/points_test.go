package config_test

import (
	"testing"

	"bulwark/internal/ops/config"
)

func TestLoad_A169_BindsPointsOfDistributedAuthorization(t *testing.T) {
	t.Parallel()
	cfg := load(t, config.Sources{File: write(t, `[pdp]
resource = "cse-in/pdp"
tokens-to = ["/id-far", "//far.example/id-x"]
[prp]
resource = "cse-in/prp"
[pip]
resource = "cse-in/pip"
ask = ["/id-far/cse-far/pip"]
[[governed]]
targets = ["//m2m.example/id-mn/*", "//m2m.example/id-far/cnt1"]
policies = ["cse-in/central"]
`)})
	if cfg.PDP.Resource != "cse-in/pdp" || cfg.PRP.Resource != "cse-in/prp" || cfg.PIP.Resource != "cse-in/pip" || len(cfg.PIP.Ask) != 1 || len(cfg.Governed[0].Targets) != 2 {
		t.Errorf("got %+v %+v %+v %+v", cfg.PDP, cfg.PRP, cfg.PIP, cfg.Governed)
	}
}
