package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// sample makes a value of a type. The formats don't look at what a text means.
func sample(d *onem2m.DataType, depth int) any {
	switch d.Syntax {
	case onem2m.SyntaxBoolean:
		return true
	case onem2m.SyntaxInteger, onem2m.SyntaxEnum, onem2m.SyntaxBits:
		return 7
	case onem2m.SyntaxNumber:
		return 1.5
	case onem2m.SyntaxSchedule:
		return "* 0-5 2,6,10 * * * *"
	case onem2m.SyntaxString, onem2m.SyntaxAny, onem2m.SyntaxScalar:
		return " a text\nof <two> lines & more "
	case onem2m.SyntaxList:
		if d.Item.Syntax == onem2m.SyntaxString && !strings.HasSuffix(d.Name, "…") { // xs:list
			return []any{"one", "two"}
		}
		return []any{sample(d.Item, depth), sample(d.Item, depth)}
	case onem2m.SyntaxObject:
		o := map[string]any{}
		for i := range d.Members {
			if depth > 0 {
				o[d.Members[i].Short] = sample(d.Members[i].Type, depth-1)
			}
		}
		return o
	default:
		return "token"
	}
}

// C-471: JSON to CBOR to XML to JSON, every type with all its attributes.
func TestCodec_C471_EveryTypeSurvivesTheRoundTrip(t *testing.T) {
	t.Parallel()
	types := 0
	for _, info := range onem2m.Types() {
		if info.Root == "" || info.Kind == onem2m.KindVirtual {
			continue
		}
		types++
		t.Run(info.Name, func(t *testing.T) {
			t.Parallel()
			attributes := map[string]any{}
			for _, a := range info.Attributes {
				v := sample(a.Type, 12)
				if a.List && a.Type.Syntax != onem2m.SyntaxList {
					v = []any{v, v}
					if a.Type.Syntax == onem2m.SyntaxString {
						v = []any{"one", "two"}
					}
				}
				attributes[a.Short] = v
			}
			content := &onem2m.Content{Name: info.Root, Value: encode(t, attributes)}
			want := sorted(t, content)
			for _, format := range []wire.Format{wire.CBOR, wire.XML, wire.JSON} {
				b, err := wire.Codec{}.AppendContent(nil, format, content)
				if err != nil {
					t.Fatal(err)
				}
				if content, err = (wire.Codec{}).DecodeContent(format, b, onem2m.Update, wire.Limits{}); err != nil {
					t.Fatalf("%s: %v in %s", format.Name(), err, b)
				}
				if diff := cmp.Diff(want, sorted(t, content)); diff != "" {
					t.Fatalf("%s (-want +got):\n%s", format.Name(), diff)
				}
			}
		})
	}
	if types < 40 {
		t.Error(fmt.Sprint("only ", types, " types"))
	}
}
