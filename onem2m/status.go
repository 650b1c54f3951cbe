package onem2m

// statusInfo is one row of the tables of response status codes: TS-0004
// clause 6.6, TS-0009 clause 6.3.2, TS-0008 clause 6.2.4.
type statusInfo struct {
	code  StatusCode
	name  string
	http  int
	coap  string
	later bool
}

// StatusName returns the name of the code as TS-0004 prints it, "BAD_REQUEST".
// An unknown code has the name of the generic code of its class (C-473).
func StatusName(c StatusCode) string {
	if i := statusIndex(c); i >= 0 {
		return statusTable[i].name
	}
	if i := statusIndex(c.Generic()); i >= 0 {
		return statusTable[i].name
	}
	return "UNKNOWN"
}

// Known reports whether the code is in the tables.
func (c StatusCode) Known() bool { return statusIndex(c) >= 0 }

// Success reports whether the code says that the request was executed: 2xxx.
func (c StatusCode) Success() bool { return c >= 2000 && c < 3000 }

// Acknowledgement reports whether the code only says that the request was
// accepted: 1xxx.
func (c StatusCode) Acknowledgement() bool { return c >= 1000 && c < 2000 }

// Generic returns the generic code of the class of c: what a receiver that
// doesn't know c handles it as (C-473).
func (c StatusCode) Generic() StatusCode {
	switch {
	case c >= 1000 && c < 2000:
		return Accepted
	case c >= 2000 && c < 3000:
		return OK
	case c >= 4000 && c < 5000:
		return BadRequest
	}
	return InternalServerError
}

// HTTP returns the status of an HTTP response that carries c (TS-0009 clause
// 6.3.2). A code without a mapping gets the default of its class (B-38).
func (c StatusCode) HTTP() int {
	if i := statusIndex(c); i >= 0 && statusTable[i].http != 0 {
		return statusTable[i].http
	}
	switch c.Generic() {
	case Accepted:
		return 202
	case OK:
		return 200
	case BadRequest:
		return 400
	}
	return 500
}

// CoAP returns the code of a CoAP response that carries c, "4.04" (TS-0008
// clause 6.2.4). For 2000 it is the one of RETRIEVE; see CoAPFor. A code
// without a mapping gets the default of its class (B-38).
func (c StatusCode) CoAP() string {
	if i := statusIndex(c); i >= 0 && statusTable[i].coap != "" {
		return statusTable[i].coap
	}
	switch c.Generic() {
	case Accepted:
		return "2.01"
	case OK:
		return "2.05"
	case BadRequest:
		return "4.00"
	}
	return "5.00"
}

// CoAPFor returns the code of a CoAP response to a request with operation op,
// which differs from CoAP for 2000 only: NOTIFY is answered with 2.04.
func (c StatusCode) CoAPFor(op Operation) string {
	if c == OK && op == Notify {
		return "2.04"
	}
	return c.CoAP()
}
