package onem2m

// Parameter is one row of the table of request parameters (TS-0004 clause
// 7.2.1.1, TS-0001 clause 8.1.2).
type Parameter struct {
	Long, Short string
	List        bool
	Later       bool        // not in the Release 3 texts
	presence    [5]Presence // by operation, CREATE first
}

// Presence tells whether a request with operation op must, may or must not
// carry the parameter (C-031).
func (p *Parameter) Presence(op Operation) Presence {
	if op < Create || op > Notify {
		return NotPresent
	}
	return p.presence[op-Create]
}

// ParameterByName returns the request parameter with the short name, or nil.
func ParameterByName(short string) *Parameter {
	if i := parameterIndex(short); i >= 0 {
		return &parameters[i]
	}
	return nil
}

// Parameters returns the rows of the table of request parameters. The slice
// must not be changed.
func Parameters() []Parameter { return parameters[:] }

// AttributeKnown reports whether any type has an attribute with this short
// name (C-160, C-170).
func AttributeKnown(short string) bool { return attributeKnown(short) }

// ResultContentAllowed reports whether the Result Content value may be asked
// for with operation op; discovery is true for a RETRIEVE with fu = 1 or 3
// (TS-0001 table 8.1.2-1, C-133). The values 11 and 12 are later ones.
func ResultContentAllowed(value int64, op Operation, discovery bool) bool {
	if value < 0 || value >= int64(len(resultContents)) || op < Create || op > Notify {
		return false
	}
	if op == Retrieve && discovery {
		return resultContents[value].discovery
	}
	return resultContents[value].operations[op-Create]
}

// resultContent is one row of the matrix of Result Content.
type resultContent struct {
	operations [5]bool // CREATE first
	discovery  bool
}
