package definition

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestBuiltin_C252_HasTheCommonModels(t *testing.T) {
	t.Parallel()
	r, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	info := r.Type("cod:tempe")
	if info == nil || r.Root("org.onem2m.common.moduleclass.temperature") != "cod:tempe" || r.Definition("cod:tempe") != "org.onem2m.common.moduleclass.temperature" {
		t.Fatal("no temperature")
	}
	if info.Type != onem2m.TypeFlexContainer || info.Kind != onem2m.KindFlexContainer {
		t.Errorf("got type %d, kind %d", info.Type, info.Kind)
	}
	if a := info.Attribute("curT0"); a == nil || a.Create != onem2m.Mandatory || a.Announce != onem2m.OptionalAnnounced {
		t.Errorf("curT0: got %+v", a)
	}
	if r.Len() < 200 {
		t.Errorf("got %d definitions", r.Len())
	}
	instance := r.Instance("cod:tempe")
	if instance.Type != onem2m.TypeFlexContainerInstance || instance.Root != "cod:tempe" || !instance.Has("curT0") || !instance.Has("org") {
		t.Errorf("got %+v", instance)
	}
	if r.Type("cod:nothing") != nil || r.Root("nothing") != "" || r.Instance("cod:nothing") != nil || r.Definition("x:y") != "" {
		t.Error("found what isn't there")
	}
}

func TestLoad_C252_Folder(t *testing.T) {
	t.Parallel()
	const pump = `{"cnd":"com.example.pump","root":"ex:pump","name":"pump","attributes":[{"short":"rpm","long":"revolutions","type":"integer","mandatory":true,"min":0,"max":9000}]}`
	tests := []struct {
		name  string
		files map[string]string
		want  string // part of the error; "" for success
	}{
		{"one definition in a file", map[string]string{"a.json": pump}, ""},
		{"a list", map[string]string{"a.json": "[" + pump + "]"}, ""},
		{"another file is left alone", map[string]string{"a.json": pump, "README.md": "#"}, ""},
		{"a built-in one is replaced", map[string]string{"a.json": pump, "b.json": `{"cnd":"org.onem2m.common.moduleclass.temperature","root":"cod:tempe","name":"temperature"}`}, ""},
		{"defined twice", map[string]string{"a.json": pump, "b.json": pump}, "twice"},
		{"the same cnd under another root", map[string]string{"a.json": pump, "b.json": strings.Replace(pump, "ex:pump", "ex:other", 1)}, "twice"},
		{"an unknown member", map[string]string{"a.json": `{"cnd":"c","root":"ex:a","colour":"red"}`}, "colour"},
		{"an unknown type", map[string]string{"a.json": strings.Replace(pump, `"integer"`, `"int"`, 1)}, "unknown type"},
		{"no prefix", map[string]string{"a.json": strings.Replace(pump, "ex:pump", "pump", 1)}, "root element"},
		{"a prefix of the standard", map[string]string{"a.json": strings.Replace(pump, "ex:pump", "m2m:pump", 1)}, "standard"},
		{"a specialization of the standard", map[string]string{"a.json": strings.Replace(pump, "ex:pump", "dcfg:sim", 1)}, "standard"},
		{"no cnd", map[string]string{"a.json": strings.Replace(pump, "com.example.pump", "", 1)}, "containerDefinition"},
		{"an attribute of every flexContainer", map[string]string{"a.json": strings.Replace(pump, `"rpm"`, `"lbl"`, 1)}, "lbl"},
		{"a name with a dash", map[string]string{"a.json": strings.Replace(pump, `"rpm"`, `"r-pm"`, 1)}, "short name"},
		{"no JSON", map[string]string{"a.json": "pump"}, "a.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r, err := Load(dir)
			switch {
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("got %v, want %s", err, tt.want)
			case tt.want != "":
				return
			case err != nil:
				t.Fatal(err)
			}
			if info := r.Type("ex:pump"); info == nil || !info.Has("rpm") || !info.Has("cnd") {
				t.Errorf("got %+v", info)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that isn't there was accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"cnd":"c","root":"ex:a","name":"a","attributes":[{"short":"x","type":"float"}]}`))
	f.Add([]byte(`[{"cnd":"c"},{}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &Registry{roots: map[string]*entry{}, cnds: map[string]*entry{}, types: dataTypes()}
		if r.add(data, true) == nil && len(r.roots) != len(r.cnds) {
			t.Error("roots and definitions differ in number")
		}
	})
}
