// Package client is the SDK for applications: an AE, or any other originator,
// that speaks to a CSE over HTTP and HTTPS.
//
// A Client is made with New from an address and, for https, the files of a
// certificate. Register, Create, Retrieve, Update, Delete, Notify and Discover
// are what most callers want; Do sends any request primitive. Failures that
// the CSE reports are *onem2m.Error with the response status code, so a caller
// can branch on it:
//
//	var e *onem2m.Error
//	if errors.As(err, &e) && e.Code == onem2m.Conflict { … }
//
// Listen opens a receiver for notifications; ListenFor one that takes protected
// requests as well. ESPrim makes of a Client one whose requests are protected
// from end to end: CSEs on the way can neither read nor change them.
//
// A Client checks the certificate of the CSE against the given roots and the
// host name, or the name of its CSE-ID; it has no switch to leave that out.
package client
