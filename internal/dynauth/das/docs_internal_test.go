package das

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestDocs_ExplainEveryKeyOfAPolicy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/das.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[grantFile](), reflect.TypeFor[audienceFile](), reflect.TypeFor[signerFile]()} {
		for f := range of.Fields() {
			if name := f.Tag.Get("toml"); !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/das.md does not explain %s", name)
			}
		}
	}
}
