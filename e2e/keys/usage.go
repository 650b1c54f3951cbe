package keys

import (
	"errors"
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// Usage is a Security Usage Identifier, m2m:suid (TS-0004 clause 6.3.4.2.39).
// The first digit tells how a credential came about, the second what it is for.
// It is not a sec:credIDTypeID, whose numbers look alike.
type Usage int

// What a credential is for: the second digit.
const (
	ForMEF       Usage = 0
	ForMAF       Usage = 1
	ForSAEF      Usage = 2
	ForESPrim    Usage = 3
	ForESData    Usage = 4 // encryption, and signature with encryption
	ForSignature Usage = 5 // ESData, signature only
)

// How a credential came about: the first digit.
const (
	PreProvisioned      Usage = 10 // symmetric
	RemotelyProvisioned Usage = 20 // symmetric, through a MEF
	MAFDistributed      Usage = 30 // symmetric, through a MAF
	Certificate         Usage = 40
)

// Symmetric reports whether u exists and is that of a symmetric key.
func (u Usage) Symmetric() bool {
	switch purpose := u % 10; u - purpose {
	case PreProvisioned:
		return purpose <= ForSignature
	case RemotelyProvisioned:
		return purpose >= ForMAF && purpose <= ForSignature
	case MAFDistributed:
		return purpose >= ForSAEF && purpose <= ForSignature
	default:
		return false
	}
}

// String returns the decimal digits.
func (u Usage) String() string { return strconv.Itoa(int(u)) }

var errTarget = errors.New("an enrolment target is a CSE below its IN-CSE or an AE with its registrar")

// CSEName returns the FQDN of a CSE as an enrolment target: its public domain
// name (TS-0001 clause 6.5.1.1), "id.sp" for an IN-CSE and "id.in-id.sp" for
// any other, in lower case (E-117). in is the IN-CSE; it may be cse itself.
func CSEName(cse, in onem2m.ID) (string, error) {
	if !isCSE(cse) || !isCSE(in) || cse.SP() != in.SP() {
		return "", errTarget
	}
	name := label(in) + "." + strings.TrimPrefix(in.SP(), "//")
	if cse != in {
		name = label(cse) + "." + name
	}
	return strings.ToLower(name), nil
}

// AEName returns the FQDN of an AE as an enrolment target: its stem in front of
// the name of its registrar CSE, in lower case. The text does not say what it
// is (E-117).
func AEName(ae, registrar, in onem2m.ID) (string, error) {
	stem := ae.Stem()
	if stem == "" || ae.Registrar() != "" && ae.Registrar() != registrar {
		return "", errTarget
	}
	name, err := CSEName(registrar, in)
	if err != nil {
		return "", err
	}
	return strings.ToLower(stem) + "." + name, nil
}

// isCSE accepts what can be an absolute CSE-ID.
func isCSE(id onem2m.ID) bool {
	return id.SP() != "" && id.SP() != string(id) && id.Registrar() == ""
}

// label is the last part of a CSE-ID.
func label(cse onem2m.ID) string { return strings.TrimPrefix(cse.SPRelative(), "/") }
