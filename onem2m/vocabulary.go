package onem2m

// StatusCode is a Response Status Code (TS-0004 clause 6.6).
type StatusCode int

// ResourceType is a value of m2m:resourceType (TS-0004 clause 6.3.4.2.1).
type ResourceType int

// Operation is a value of m2m:operation (TS-0004 clause 6.3.4.2.5).
type Operation int

// The operations.
const (
	Create   Operation = 1
	Retrieve Operation = 2
	Update   Operation = 3
	Delete   Operation = 4
	Notify   Operation = 5
)

// String returns the name as TS-0001 prints it, "CREATE".
func (o Operation) String() string {
	switch o {
	case Create:
		return "CREATE"
	case Retrieve:
		return "RETRIEVE"
	case Update:
		return "UPDATE"
	case Delete:
		return "DELETE"
	case Notify:
		return "NOTIFY"
	}
	return "operation " + string(rune('0'+int(o)%10))
}
