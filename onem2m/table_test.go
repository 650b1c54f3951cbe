package onem2m_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestTypes_AreFoundByNumberAndRoot(t *testing.T) {
	t.Parallel()
	for _, info := range onem2m.Types() {
		if info.Root != "" && onem2m.TypeByRoot(info.Root) != info {
			t.Errorf("%s isn't found by %s", info.Name, info.Root)
		}
		if base := onem2m.TypeByNumber(info.Type); info.Type != 0 && base == nil {
			t.Errorf("%s isn't found by %d", info.Name, info.Type)
		}
		for _, a := range info.Attributes {
			if info.Attribute(a.Short) != a || !info.Has(a.Short) || !onem2m.AttributeKnown(a.Short) {
				t.Errorf("%s of %s isn't found", a.Short, info.Name)
			}
			if a.Type == nil {
				t.Errorf("%s of %s has no type", a.Short, info.Name)
			}
			if a.Default != nil && a.CheckValue(a.Default) != nil {
				t.Errorf("the default of %s of %s isn't right: %v", a.Short, info.Name, a.CheckValue(a.Default))
			}
		}
	}
	if onem2m.TypeByNumber(33) != nil || onem2m.TypeByNumber(-1) != nil || onem2m.TypeByRoot("cnt") != nil || onem2m.TypeByRoot("") != nil {
		t.Error("an unknown type is found")
	}
	if got := onem2m.TypeByNumber(onem2m.TypeMgmtObj).Name; got != "mgmtObj" {
		t.Errorf("13 is %s", got)
	}
}

func TestTypes_OrderTheirAttributesAsTheTablesDo(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range onem2m.TypeByNumber(onem2m.TypeContainer).Attributes {
		names = append(names, a.Short)
	}
	want := []string{"rn", "ty", "ri", "pi", "ct", "lt", "lbl", "acpi", "et"}
	if diff := cmp.Diff(want, names[:len(want)]); diff != "" {
		t.Error(diff)
	}
}

func TestAllowsChild_C004_IsTheUnionOfBothTables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		parent, child onem2m.ResourceType
		want          bool
	}{
		{onem2m.TypeContainer, onem2m.TypeContentInstance, true},
		{onem2m.TypeContainer, onem2m.TypeContainer, true},
		{onem2m.TypeContainer, onem2m.TypeSubscription, true},
		{onem2m.TypeContainer, onem2m.TypeAE, false},
		{onem2m.TypeContainer, onem2m.TypeAccessControlPolicy, false},
		{onem2m.TypeContentInstance, onem2m.TypeContainer, false},
		{onem2m.TypeCSEBase, onem2m.TypeAE, true},
		{onem2m.TypeCSEBase, onem2m.TypeCSEBase, false},
		{onem2m.TypeCSEBase, onem2m.TypeRemoteCSE, true},
		{onem2m.TypeAE, onem2m.TypeAE, false},
		{onem2m.TypeAE, onem2m.TypePollingChannel, true},
		{onem2m.TypeNode, onem2m.TypeMgmtObj, true},
		{onem2m.TypeFlexContainer, onem2m.TypeFlexContainerInstance, true},
		{onem2m.TypeSubscription, onem2m.TypeSchedule, true},
		{onem2m.TypeContainer, onem2m.TypeLatest, false},
	} {
		if got := onem2m.TypeByNumber(tt.parent).AllowsChild(tt.child); got != tt.want {
			t.Errorf("%d below %d: %t", tt.child, tt.parent, got)
		}
	}
}

func TestVirtualChildren_C028_C030(t *testing.T) {
	t.Parallel()
	for ty, want := range map[onem2m.ResourceType][]string{
		onem2m.TypeContainer:          {"la", "ol"},
		onem2m.TypeTimeSeries:         {"la", "ol"},
		onem2m.TypeGroup:              {"fopt", "sfop"},
		onem2m.TypePollingChannel:     {"pcu"},
		onem2m.TypeSubscription:       {"ntsr"},
		onem2m.TypeContentInstance:    nil,
		onem2m.TypeOntologyRepository: {"smv"},
	} {
		info := onem2m.TypeByNumber(ty)
		if got := info.VirtualChildren(); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", info.Name, got, want)
		}
		for _, name := range want {
			if v := info.Virtual(name); v == nil || v.Kind != onem2m.KindVirtual || v.VirtualName != name || v.Instantiable || len(v.Attributes) > 0 {
				t.Errorf("%s of %s is %+v", name, info.Name, v)
			}
		}
	}
	if onem2m.TypeByNumber(onem2m.TypeContainer).Virtual("fopt") != nil {
		t.Error("a container has a fan-out point")
	}
}

func TestTypeInfo_WithAttributesOfADefinition(t *testing.T) {
	t.Parallel()
	base := onem2m.TypeByNumber(onem2m.TypeFlexContainer)
	lamp := base.With("lamp", "ex:lamp", onem2m.KindFlexContainer, []*onem2m.Attribute{{
		Long: "brightness", Short: "brgt", Type: onem2m.TypeByRoot("m2m:bat").Attribute("btl").Type, Create: onem2m.Mandatory, Update: onem2m.Optional,
	}})
	if _, err := lamp.ValidateCreate(object(t, `{"cnd":"org.example.lamp","brgt":5,"lbl":["a"]}`)); err != nil {
		t.Error(err)
	}
	_, err := lamp.ValidateCreate(object(t, `{"cnd":"org.example.lamp"}`))
	wantBadRequest(t, err, "brgt")
	_, err = base.ValidateCreate(object(t, `{"cnd":"org.example.lamp","brgt":5}`))
	wantBadRequest(t, err, "brgt")
}

func TestStatusCodes_B37(t *testing.T) {
	t.Parallel()
	tests := []struct {
		http  int
		coap  string
		codes []onem2m.StatusCode
	}{
		{200, "2.05", []onem2m.StatusCode{2000}},
		{200, "2.02", []onem2m.StatusCode{2002}},
		{200, "2.04", []onem2m.StatusCode{2004}},
		{201, "2.01", []onem2m.StatusCode{2001}},
		{202, "2.01", []onem2m.StatusCode{1001, 1002}},
		{400, "4.00", []onem2m.StatusCode{4000, 4102, 4110, 4123, 4143, 6010, 6022, 6023, 6024}},
		{400, "4.02", []onem2m.StatusCode{4120, 4122}},
		{403, "4.03", []onem2m.StatusCode{
			4101, 4103, 4106, 4107, 4108, 4109, 4111, 4112, 4113, 4114, 4115, 4116, 4117, 4126, 4127, 4128,
			5105, 5203, 5205, 5208, 5214, 5215, 5218, 5222,
		}},
		{404, "4.04", []onem2m.StatusCode{4004, 4118, 4119, 4121, 5103, 5107, 6003, 6005}},
		{405, "4.05", []onem2m.StatusCode{4005}},
		{406, "4.06", []onem2m.StatusCode{5207}},
		{409, "4.03", []onem2m.StatusCode{4105}},
		{409, "4.00", []onem2m.StatusCode{4104, 4124, 5106, 5219, 5220, 6028, 6029}},
		{415, "4.15", []onem2m.StatusCode{4015}},
		{500, "5.00", []onem2m.StatusCode{5000, 5204, 5209, 5210, 5211, 5212, 5216, 5217, 5221, 6020, 6021, 6025, 6026}},
		{501, "5.01", []onem2m.StatusCode{4001, 4125, 5001, 5206}},
		{504, "5.04", []onem2m.StatusCode{4008, 6030, 6031}},
	}
	for _, tt := range tests {
		for _, code := range tt.codes {
			if code.HTTP() != tt.http || code.CoAP() != tt.coap {
				t.Errorf("%d is %d and %s, want %d and %s", code, code.HTTP(), code.CoAP(), tt.http, tt.coap)
			}
			if !code.Known() || onem2m.StatusName(code) == "" {
				t.Errorf("%d is unknown", code)
			}
		}
	}
	if got := onem2m.OK.CoAPFor(onem2m.Notify); got != "2.04" {
		t.Errorf("2000 of NOTIFY is %s", got)
	}
}

func TestStatusCodes_B38_C473_UnknownOnesAreHandledByClass(t *testing.T) {
	t.Parallel()
	for code, want := range map[onem2m.StatusCode]struct {
		http    int
		coap    string
		name    string
		success bool
	}{
		1999: {202, "2.01", "ACCEPTED", false},
		2999: {200, "2.05", "OK", true},
		4142: {400, "4.00", "INVALID_PROCESS_CONFIGURATION", false},
		4999: {400, "4.00", "BAD_REQUEST", false},
		5999: {500, "5.00", "INTERNAL_SERVER_ERROR", false},
		6999: {500, "5.00", "INTERNAL_SERVER_ERROR", false},
		0:    {500, "5.00", "INTERNAL_SERVER_ERROR", false},
	} {
		if code.HTTP() != want.http || code.CoAP() != want.coap || onem2m.StatusName(code) != want.name || code.Success() != want.success {
			t.Errorf("%d is %d, %s, %s, %t", code, code.HTTP(), code.CoAP(), onem2m.StatusName(code), code.Success())
		}
	}
}

func TestParameters_C031(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"op": "MMMMM", "to": "MMMMM", "rqi": "MMMMM", "ty": "M----", "pc": "MOM-M", "fc": "-OOO-", "drt": "-O---",
		"rcn": "OOOO-", "rp": "OOOO-", "sqi": "-O---", "tkns": "OOOOO", "aus": "OOOO-", "rvi": "MMMMM", "grtm": "OOOO-",
	} {
		p := onem2m.ParameterByName(name)
		if p == nil {
			t.Errorf("%s is unknown", name)
			continue
		}
		got := ""
		for op := onem2m.Create; op <= onem2m.Notify; op++ {
			got += map[onem2m.Presence]string{onem2m.NotPresent: "-", onem2m.Optional: "O", onem2m.Mandatory: "M"}[p.Presence(op)]
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if onem2m.ParameterByName("zzz") != nil || len(onem2m.Parameters()) < 30 {
		t.Error("the table of parameters is wrong")
	}
}

func TestResultContentAllowed_C133_C035(t *testing.T) {
	t.Parallel()
	for value, want := range []string{"C-UD-", "CRUD-", "C----", "C----", "-R-D-", "-R-D-", "-R-DF", "-R---", "-R-D-", "C-U--", "-R---", "----F", "-R---"} {
		got := ""
		for i, op := range []onem2m.Operation{onem2m.Create, onem2m.Retrieve, onem2m.Update, onem2m.Delete} {
			if onem2m.ResultContentAllowed(int64(value), op, false) {
				got += "CRUD"[i : i+1]
			} else {
				got += "-"
			}
		}
		if onem2m.ResultContentAllowed(int64(value), onem2m.Retrieve, true) {
			got += "F"
		} else {
			got += "-"
		}
		if got != want {
			t.Errorf("%d is %s, want %s", value, got, want)
		}
	}
	if onem2m.ResultContentAllowed(13, onem2m.Retrieve, false) || onem2m.ResultContentAllowed(-1, onem2m.Retrieve, false) || onem2m.ResultContentAllowed(1, onem2m.Notify, false) {
		t.Error("a value that doesn't exist is allowed")
	}
}
