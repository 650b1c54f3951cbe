package keys

import "fmt"

// Exporter is a finished TLS handshake that keys can be exported from
// (RFC 5705), such as a *tls.ConnectionState. It fails when exporting is not
// safe, in particular without extended master secret (RFC 7627 clause 5.4).
type Exporter interface {
	ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error)
}

// Exported is what both ends of one handshake share: the octets that name a
// key, and the key.
type Exported struct {
	ID  [IdentifierLength]byte // RelativeKeID, KcID or pairwiseE2EKeyID
	Key Secret                 // Ke, Kc or pairwiseE2EKey
}

// ExportEnrolment exports RelativeKeID and the Enrolment Key Ke after the
// handshake with a MEF (TS-0003 clause 10.3.1).
func ExportEnrolment(from Exporter) (Exported, error) { return export(from, LabelEnrolment) }

// ExportConnection exports KcID and the M2M Secure Connection Key Kc after the
// handshake with a MAF (TS-0003 clause 10.3.1).
func ExportConnection(from Exporter) (Exported, error) { return export(from, LabelConnection) }

// ExportESCertKE exports pairwiseE2EKeyID and pairwiseE2EKey after the
// handshake of ESCertKE (TS-0003 clauses 8.7.2.2 and 10.3.1).
func ExportESCertKE(from Exporter) (Exported, error) { return export(from, LabelESCertKE) }

// export splits the 48 octets: the identifier is the most significant part.
// There is no context: an empty one would give other octets (E-114).
func export(from Exporter, label string) (Exported, error) {
	octets, err := from.ExportKeyingMaterial(label, nil, ExportLength)
	if err != nil {
		return Exported{}, fmt.Errorf("exporting %s: %w", label, err)
	}
	if len(octets) != ExportLength {
		return Exported{}, fmt.Errorf("exporting %s: %d octets instead of %d", label, len(octets), ExportLength)
	}
	var out Exported
	copy(out.ID[:], octets)
	out.Key = secretOf(octets[IdentifierLength:])
	return out, nil
}
