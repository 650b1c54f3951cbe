// Package definition knows the specializations of <flexContainer>: which
// containerDefinition goes with which root element, and which attributes it
// has (TS-0001 clause 9.6.35, TS-0004 clause 7.4.37).
//
// Definitions come from a table of the common information models and from a
// folder of the operator's. They are JSON:
//
//	{
//	  "cnd": "com.example.moduleclass.pump",
//	  "root": "ex:pump",
//	  "name": "pump",
//	  "attributes": [
//	    {"short": "rpm", "long": "revolutions", "type": "integer", "mandatory": true}
//	  ]
//	}
//
// A file holds one definition or a list of them. The types are string, integer,
// nonNegativeInteger, float, boolean, timestamp, duration, date, time, anyURI,
// base64, list (of anything) and any.
package definition
