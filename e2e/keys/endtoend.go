package keys

import (
	"crypto"
	"errors"
)

// Extraction holds what is provisioned with a Ke2e_master besides the key that
// it comes from (TS-0003 clause 9.2.3). The zero value is the default.
type Extraction struct {
	Hash crypto.Hash // SHA-256 if 0; SHA-384 and SHA-512 are the others
	Salt []byte      // the identifier of the source end-point if empty
}

var errHash = errors.New("the hash of a Ke2e derivation is SHA-256, SHA-384 or SHA-512")

// hash returns the hash to use.
func (e Extraction) hash() (crypto.Hash, error) {
	switch e.Hash {
	case 0:
		return crypto.SHA256, nil
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		return e.Hash, nil
	default:
		return 0, errHash
	}
}

// Master is a Ke2e_master with the hash that its working keys are made with.
type Master struct {
	Key  Secret
	Hash crypto.Hash // SHA-256 if 0
}

// Ke2eMaster extracts the End-to-End Master Key (TS-0003 clause 10.3.6.1):
// HMAC-Hash(Salt, from). from is Kpsa, or the random value of a source-generated
// credential. source is the absolute AE-ID or CSE-ID of the source end-point,
// which the clause lists as an input and its formula leaves out: it stands in
// for the salt where none is provisioned (E-119).
func Ke2eMaster(from Secret, source string, e Extraction) (Master, error) {
	hash, err := e.hash()
	if err != nil {
		return Master{}, err
	}
	if from.IsZero() {
		return Master{}, errNoKey
	}
	salt := e.Salt
	if len(salt) == 0 {
		if salt, err = normalize(source); err != nil {
			return Master{}, err
		}
	}
	return Master{Key: mac(hash, salt, from.view()), Hash: hash}, nil
}

// EndToEnd are the four working keys of table 10.3.6.2-1.
type EndToEnd struct {
	MessageAuthenticity      Secret // Ke2e_msg_auth
	MessageConfidentiality   Secret // Ke2e_msg_conf
	AttributeAuthenticity    Secret // Ke2e_att_auth
	AttributeConfidentiality Secret // Ke2e_att_conf
}

// Primitive returns the one key of primitives under an AEAD algorithm, where
// the text leaves the choice between two (clause 10.3.6.2 note 1, E-121).
func (k EndToEnd) Primitive() Secret { return k.MessageConfidentiality }

// Data returns the one key of attributes under an AEAD algorithm.
func (k EndToEnd) Data() Secret { return k.AttributeConfidentiality }

// Expand derives the working keys (TS-0003 clause 10.3.6.2), so that an end-point
// that was given the master alone has them too (E-122). The text names
// RFC 5869, but its label changes with each block, so that HKDF-Expand gives
// other keys from the second block on (E-120).
func (m Master) Expand() (EndToEnd, error) {
	hash, err := Extraction{Hash: m.Hash}.hash()
	if err != nil {
		return EndToEnd{}, err
	}
	if m.Key.IsZero() {
		return EndToEnd{}, errNoKey
	}
	var (
		out  EndToEnd
		last Secret
	)
	for i, block := range []struct {
		label string
		key   *Secret
	}{
		{LabelMessageAuthenticity, &out.MessageAuthenticity},
		{LabelMessageConfidentiality, &out.MessageConfidentiality},
		{LabelAttributeAuthenticity, &out.AttributeAuthenticity},
		{LabelAttributeConfidentiality, &out.AttributeConfidentiality},
	} {
		last = mac(hash, m.Key.view(), last.view(), []byte(block.label), []byte{byte(i + 1)})
		*block.key = last
	}
	return out, nil
}
