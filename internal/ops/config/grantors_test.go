package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/ops/config"
)

const issuer = "[[token.issuer]]\nid = \"//m2m.example/Sdas\"\nfqdn = \"das.example\"\njwks = \"das.jwks\"\naccept = [\"sign:ES256\"]\n"

func TestLoad_A157_AServerIsAskedAtOnePointOrSeveral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Texts{
		`poa = "https://das.example/onem2m"`:                 {"https://das.example/onem2m"},
		`poa = ["/Sdas", "https://das.example/onem2m"]`:      {"/Sdas", "https://das.example/onem2m"},
		"poa = \"/Sdas\"\nseal = \"das.jwk\"":                {"/Sdas"},
		"revoked = [\"tk1@das.example\"]\npoa = [\"/Sdas\"]": {"/Sdas"},
		"": nil,
	} {
		cfg := load(t, config.Sources{File: write(t, issuer+text+"\n")})
		if diff := cmp.Diff(want, cfg.Token.Issuers[0].PoA); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestLoad_A157_A194_RefusesWhatNobodyCouldAsk(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		issuer + `poa = ["das.example:8443/x"]`:                        "poa",
		issuer + `poa = ["https://das.example/x#y"]`:                   "poa",
		issuer + `seal = "das.jwk"`:                                    "seal",
		issuer + `poa = ["` + strings.Repeat(`/Sdas", "`, 16) + `/S"]`: "poa",
		"[cse]\nconsultation = \"/id-far/x\"":                          "consultation",
		"[cse]\nconsultation = \"https://das.example\"":                "consultation",
		"[timing]\nclock-leeway = \"2m\"":                              "clock-leeway",
		"[timing]\nconsultation = \"0s\"":                              "consultation",
	} {
		_, err := config.Load(config.Sources{File: write(t, text+"\n")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
