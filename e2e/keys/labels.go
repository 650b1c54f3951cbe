package keys

// Labels of the TLS exports (TS-0003 clause 10.3.1, E-113).
const (
	LabelEnrolment  = "EXPORTER-oneM2M-Bootstrap"  // Enrolment Key, with a MEF
	LabelConnection = "EXPORTER-oneM2M-Connection" // M2M Secure Connection Key, with a MAF
	LabelESCertKE   = "EXPORTER-oneM2M-ESCertKE"   // pairwiseE2EKey, with the other end-point
)

// Labels of the HMAC derivations (TS-0003 clauses 10.3.2, 10.3.3, 10.3.6.2,
// 10.3.7 and 10.3.8.2). The first of the four Ke2e labels says
// "Authentication" though its key is named "Authenticity".
const (
	LabelKm                       = "oneM2M Enrolment Key to Master Credential derivation"
	LabelKpsa                     = "oneM2M Enrolment Key to Provisioned Secure Connection Key derivation"
	LabelUsageConstrained         = "oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation"
	LabelMessageAuthenticity      = "E2E Message Authentication Key"
	LabelMessageConfidentiality   = "E2E Message Confidentiality Key"
	LabelAttributeAuthenticity    = "E2E Attribute Authenticity Key"
	LabelAttributeConfidentiality = "E2E Attribute Confidentiality Key"
	LabelSession                  = "oneM2M HMAC-SHA256 sessionESPrimKey derivation algorithm"
)

// Lengths in octets.
const (
	ExportLength     = 48                              // one TLS export
	IdentifierLength = 16                              // its most significant part
	KeyLength        = ExportLength - IdentifierLength // its least significant part, and every derived key
)
