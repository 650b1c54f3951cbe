package das

import (
	"context"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Open decrypts a securedDasRequest (C-49): a JWE for the server around the JSON
// of a dasRequest, which hides the roles in it from the originator that carries
// it. Anybody can encrypt for the server, so its content counts for no more than
// that of a plain one. The error is an *onem2m.Error.
func (a *Authority) Open(ctx context.Context, text string) (*onem2m.DASRequest, error) {
	bad := onem2m.Errorf(onem2m.BadRequest, "sdr", "not a request that this server can decrypt")
	envelope, err := esdata.Parse(text, esdata.Compact)
	if err != nil || !envelope.Encrypted() || envelope.Headers()[0].Type != "JWT" || envelope.Headers()[0].ContentType != "" {
		return nil, bad
	}
	var keys []*esdata.Key
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		records, err := r.Keys()
		if err != nil {
			return err
		}
		for i := range records {
			if records[i].Algorithm != secured {
				continue
			}
			k, err := a.key(&records[i])
			if err != nil {
				return err
			}
			keys = append(keys, k)
		}
		return nil
	})
	if err != nil {
		return nil, onem2m.AsError(err)
	}
	if header := envelope.Headers()[0]; header.Algorithm != secured {
		return nil, bad
	}
	plain, err := envelope.Decrypt(esdata.NewRing(keys...))
	if err != nil {
		return nil, bad
	}
	return readRequest(plain.Plaintext)
}

// maxRequest bounds the JSON of a request that was encrypted in octets.
const maxRequest = 64 << 10

// readRequest reads a dasRequest as an originator hands it over.
func readRequest(text []byte) (*onem2m.DASRequest, error) {
	value, err := wire.Canonical(text, wire.Limits{Size: maxRequest})
	if err != nil {
		return nil, err
	}
	return onem2m.ParseDASRequest(value)
}
