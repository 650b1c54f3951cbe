package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// DecodeRequest reads a request primitive in JSON: one object whose members
// are short names of parameters, without a wrapper (C-459). It checks names
// and types; which parameter an operation needs is for the CSE to check. A name
// that doesn't exist is 4000, a parameter of a later release that isn't
// supported 5001 (C-033). What was read so far is returned with the error, for
// the response to carry its request identifier.
func DecodeRequest(b []byte, limits Limits) (*onem2m.Request, error) {
	r := &onem2m.Request{}
	v, err := canonical(b, limits)
	if err != nil {
		return r, err
	}
	if err := eachParameter(v, func(m onem2m.Member) error { return setRequest(r, m) }); err != nil {
		if r.RequestID == "" { // it stands behind what is wrong
			_ = onem2m.EachMember(v, func(m onem2m.Member) error {
				if m.Name == "rqi" {
					return setText(&r.RequestID, m)
				}
				return nil
			})
		}
		return r, err
	}
	if r.Operation == onem2m.Retrieve && r.Content != nil && r.Content.Name == "m2m:atrl" {
		return r, takeAttributeList(r)
	}
	return r, nil
}

// eachParameter reads the object that a primitive is.
func eachParameter(v jsontext.Value, set func(onem2m.Member) error) error {
	if len(v) == 0 || v[0] != '{' {
		return onem2m.Errorf(onem2m.BadRequest, "", "a primitive must be a JSON object")
	}
	return onem2m.EachMember(v, set)
}

// takeAttributeList moves the content of a partial RETRIEVE to where the HTTP
// binding puts it (C-040).
func takeAttributeList(r *onem2m.Request) error {
	list, ok := onem2m.TextsOf(r.Content.Value)
	if !ok || len(list) == 0 {
		return onem2m.Errorf(onem2m.BadRequest, "atrl", "the value must be a list of one or more names")
	}
	r.Attributes, r.Content = list, nil
	return nil
}

// setRequest takes one parameter in.
func setRequest(r *onem2m.Request, m onem2m.Member) error {
	for _, set := range []func(*onem2m.Request, onem2m.Member) (bool, error){requestText, requestNumber, requestFlag, requestList, requestRest} {
		if known, err := set(r, m); known {
			return err
		}
	}
	if p := onem2m.ParameterByName(m.Name); p != nil {
		return onem2m.Errorf(onem2m.NotImplemented, m.Name, "the parameter is not in this version")
	}
	return onem2m.Errorf(onem2m.BadRequest, shown(m.Name), "no parameter has this name")
}

// shown returns name if it is fit for a debug text.
func shown(name string) string {
	if len(name) > 32 || !onem2m.ValidName(name) {
		return "pc"
	}
	return name
}

func requestText(r *onem2m.Request, m onem2m.Member) (known bool, _ error) {
	switch m.Name {
	case "to":
		return true, setText(&r.To, m)
	case "fr":
		r.HasFrom = true
		return true, setText(&r.From, m)
	case "rqi":
		return true, setText(&r.RequestID, m)
	case "rvi":
		return true, setText(&r.Release, m)
	case "gid":
		return true, setText(&r.GroupRequestID, m)
	case "vsi":
		var s string
		err := setText(&s, m)
		r.VendorInformation = &s
		return true, err
	case "ot":
		return true, setTime(&r.OriginatingTimestamp, m)
	case "rqet":
		return true, setTime(&r.RequestExpiration, m)
	case "rset":
		return true, setTime(&r.ResultExpiration, m)
	case "oet":
		return true, setTime(&r.ExecutionTime, m)
	case "rp":
		return true, setTime(&r.ResultPersistence, m)
	}
	return false, nil
}

func requestNumber(r *onem2m.Request, m onem2m.Member) (known bool, _ error) {
	switch m.Name {
	case "ty":
		return true, setNumber(&r.Type, m)
	case "rcn":
		return true, setNumber(&r.ResultContent, m)
	case "drt":
		return true, setNumber(&r.DesiredIDType, m)
	case "ec":
		return true, setNumber(&r.EventCategory, m)
	case "op":
		var n *int64
		if err := setNumber(&n, m); err != nil {
			return true, err
		}
		if *n < int64(onem2m.Create) || *n > int64(onem2m.Notify) {
			return true, onem2m.Errorf(onem2m.BadRequest, "op", "the value must be between 1 and 5")
		}
		r.Operation = onem2m.Operation(*n)
		return true, nil
	}
	return false, nil
}

func requestFlag(r *onem2m.Request, m onem2m.Member) (known bool, _ error) {
	switch m.Name {
	case "da":
		return true, setFlag(&r.DeliveryAggregate, m)
	case "tqi":
		return true, setFlag(&r.TokenRequest, m)
	case "asi":
		return true, setFlag(&r.AuthorSignReq, m)
	case "auri":
		return true, setFlag(&r.AuthorRelation, m)
	case "sqi":
		return true, setFlag(&r.SemanticQuery, m)
	}
	return false, nil
}

func requestList(r *onem2m.Request, m onem2m.Member) (known bool, _ error) {
	switch m.Name {
	case "rids":
		return true, setList(&r.RoleIDs, m)
	case "tkns":
		return true, setList(&r.Tokens, m)
	case "tids":
		return true, setList(&r.TokenIDs, m)
	case "ltids":
		return true, setList(&r.LocalTokenIDs, m)
	case "aus":
		return true, setList(&r.AuthorSigns, m)
	case "grtm":
		return true, setList(&r.GroupTargets, m)
	}
	return false, nil
}

func requestRest(r *onem2m.Request, m onem2m.Member) (known bool, err error) {
	switch m.Name {
	case "pc":
		r.Content, err = contentOf(m.Value)
		return true, err
	case "fc":
		r.Filter, err = onem2m.ParseFilter(m.Value)
		return true, err
	case "rt":
		return true, setResponseType(r, m.Value)
	}
	return false, nil
}

// setResponseType reads m2m:responseTypeInfo. An empty list of notification
// URIs differs from an absent one (C-037).
func setResponseType(r *onem2m.Request, v jsontext.Value) error {
	o, err := onem2m.ParseObject(v)
	if err != nil {
		return onem2m.Errorf(onem2m.BadRequest, "rt", "the value must be an object")
	}
	for _, m := range o {
		switch m.Name {
		case "rtv":
			err = setNumber(&r.ResponseType, m)
		case "nu":
			r.HasNotifyURIs = true
			err = setList(&r.NotificationURIs, m)
		default:
			err = onem2m.Errorf(onem2m.BadRequest, shown(m.Name), "no member of rt")
		}
		if err != nil {
			return err
		}
	}
	if r.ResponseType == nil || !onem2m.EnumerationByName("m2m:responseType").Has(*r.ResponseType) {
		return onem2m.Errorf(onem2m.BadRequest, "rtv", "the value must be one of the numbers of m2m:responseType")
	}
	return nil
}

// EncodeRequest writes a request primitive in canonical JSON, in the order of
// the parameter table.
func EncodeRequest(r *onem2m.Request) []byte {
	return AppendRequest(make([]byte, 0, sizeAround(r.Content)), r)
}

// AppendRequest writes a request primitive, as EncodeRequest does, to dst.
func AppendRequest(dst []byte, r *onem2m.Request) []byte {
	w := writer{append(dst, '{')}
	w.number("op", int64(r.Operation))
	w.text("to", r.To)
	if r.HasFrom || r.From != "" {
		w.quoted("fr", r.From)
	}
	w.text("rqi", r.RequestID)
	w.numberIf("ty", r.Type)
	switch {
	case r.Content != nil:
		w.name("pc")
		w.b = r.Content.Append(w.b)
	case len(r.Attributes) > 0:
		w.name("pc")
		w.b = (&onem2m.Content{Name: "m2m:atrl", Value: onem2m.TextsValue(r.Attributes)}).Append(w.b)
	}
	w.list("rids", r.RoleIDs)
	w.text("ot", r.OriginatingTimestamp)
	w.text("rqet", r.RequestExpiration)
	w.text("rset", r.ResultExpiration)
	w.text("oet", r.ExecutionTime)
	if r.ResponseType != nil {
		w.name("rt")
		w.b = append(w.b, '{')
		w.number("rtv", *r.ResponseType)
		if r.HasNotifyURIs {
			w.value("nu", onem2m.TextsValue(r.NotificationURIs))
		}
		w.b = append(w.b, '}')
	}
	w.text("rp", r.ResultPersistence)
	w.numberIf("rcn", r.ResultContent)
	w.numberIf("ec", r.EventCategory)
	w.flag("da", r.DeliveryAggregate)
	w.text("gid", r.GroupRequestID)
	w.list("grtm", r.GroupTargets)
	if r.Filter != nil {
		w.name("fc")
		w.b = r.Filter.Object().Append(w.b)
	}
	w.numberIf("drt", r.DesiredIDType)
	w.list("tkns", r.Tokens)
	w.list("tids", r.TokenIDs)
	w.list("ltids", r.LocalTokenIDs)
	w.flag("tqi", r.TokenRequest)
	w.list("aus", r.AuthorSigns)
	w.flag("asi", r.AuthorSignReq)
	w.flag("auri", r.AuthorRelation)
	w.flag("sqi", r.SemanticQuery)
	w.text("rvi", r.Release)
	if r.VendorInformation != nil {
		w.quoted("vsi", *r.VendorInformation)
	}
	return append(w.b, '}')
}
