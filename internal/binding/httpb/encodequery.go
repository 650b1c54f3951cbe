package httpb

import (
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// queryWriter builds a query string of TS-0009 clause 6.2.2.2.
type queryWriter struct{ strings.Builder }

// list writes one field whose entries are joined by "+".
func (w *queryWriter) list(name string, entries []string) {
	for i, entry := range entries {
		switch {
		case i > 0:
			w.WriteByte('+')
		case w.Len() > 0:
			w.WriteByte('&')
			fallthrough
		default:
			w.WriteString(escape(name, ""))
			w.WriteByte('=')
		}
		w.WriteString(escape(entry, ":/,"))
	}
}

func (w *queryWriter) text(name, value string) {
	if value != "" {
		w.list(name, []string{value})
	}
}

func (w *queryWriter) number(name string, value *int64) {
	if value != nil {
		w.text(name, strconv.FormatInt(*value, 10))
	}
}

func (w *queryWriter) truth(name string, value *bool) {
	if value != nil {
		w.text(name, strconv.FormatBool(*value))
	}
}

func (w *queryWriter) time(name string, value *onem2m.Timestamp) {
	if value != nil {
		w.text(name, value.String())
	}
}

func (w *queryWriter) types(name string, values []onem2m.ResourceType) {
	entries := make([]string, len(values))
	for i, v := range values {
		entries[i] = strconv.Itoa(int(v))
	}
	w.list(name, entries)
}

// conditions writes attribute conditions under the name of the attribute with
// prefix "", "c." or "p." (B-27).
func (w *queryWriter) conditions(prefix string, conditions []onem2m.AttributeCondition) {
	for _, c := range conditions {
		w.list(prefix+c.Name, []string{c.Value})
	}
}

// encodeQuery writes the parameters that travel in the query string. attribute
// is the one that To addresses, if any.
func encodeQuery(req *onem2m.Request, attribute string) string {
	var w queryWriter
	w.number("rt", req.ResponseType)
	w.text("rp", req.ResultPersistence)
	w.number("rcn", req.ResultContent)
	w.number("drt", req.DesiredIDType)
	w.truth("da", req.DeliveryAggregate)
	w.truth("sqi", req.SemanticQuery)
	w.truth("tqi", req.TokenRequest)
	w.truth("asi", req.AuthorSignReq)
	w.truth("auri", req.AuthorRelation)
	w.list("rids", req.RoleIDs)
	w.list("tids", req.TokenIDs)
	w.list("ltids", req.LocalTokenIDs)
	if len(req.Attributes) > 0 {
		w.list("atrl", req.Attributes)
	} else {
		w.text("atrl", attribute)
	}
	if req.Filter != nil {
		w.filter(req.Filter)
	}
	return w.String()
}

func (w *queryWriter) filter(fc *onem2m.FilterCriteria) {
	w.number("fu", fc.FilterUsage)
	w.number("fo", fc.FilterOperation)
	w.number("lim", fc.Limit)
	w.number("ofst", fc.Offset)
	w.number("lvl", fc.Level)
	w.text("arp", fc.RelativePath)
	w.time("crb", fc.CreatedBefore)
	w.time("cra", fc.CreatedAfter)
	w.time("ms", fc.ModifiedSince)
	w.time("us", fc.UnmodifiedSince)
	w.time("exb", fc.ExpireBefore)
	w.time("exa", fc.ExpireAfter)
	w.number("sts", fc.StateTagSmaller)
	w.number("stb", fc.StateTagBigger)
	w.number("sza", fc.SizeAbove)
	w.number("szb", fc.SizeBelow)
	w.list("lbl", fc.Labels)
	w.list("clbl", fc.ChildLabels)
	w.list("palb", fc.ParentLabels)
	w.list("lbq", fc.LabelsQuery)
	w.types("ty", fc.Types)
	w.types("chty", fc.ChildTypes)
	w.types("pty", fc.ParentTypes)
	w.list("cty", fc.ContentTypes)
	w.list("smf", fc.SemanticsFilter)
	w.number("cfs", fc.ContentFilterSyntax)
	w.text("cfq", fc.ContentFilterQuery)
	w.number("gmty", fc.GeometryType)
	w.text("geom", fc.Geometry)
	w.number("gsf", fc.GeoSpatialFunction)
	w.conditions("", fc.Attributes)
	w.conditions("c.", fc.ChildAttributes)
	w.conditions("p.", fc.ParentAttributes)
}
