package rest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestDocumentDescribesEveryAction also follows every reference in the
// document.
func TestDocumentDescribesEveryAction(t *testing.T) {
	h := newFixture(t)
	a := h.do("GET", "/openapi.json", "", nil)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string `json:"summary"`
			Parameters  []struct {
				Name string `json:"name"`
				In   string `json:"in"`
			} `json:"parameters"`
			Security []any `json:"security"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description string `json:"description"`
					Ref         string `json:"$ref"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(a.body, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatal(err, doc.OpenAPI)
	}
	page := string(h.do("GET", "/docs", "", nil).body)
	for _, action := range chat.Actions() {
		op, ok := doc.Paths[prefix+action.Path][strings.ToLower(action.Method)]
		if !ok || op.OperationID != action.Name || op.Summary == "" ||
			(len(op.Security) > 0) != (action.Access == chat.LoggedIn) {
			t.Errorf("%s: %+v", action.Name, op)
		}
		for part := range strings.SplitSeq(action.Path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				name = strings.TrimSuffix(name, "}")
				if !slices.ContainsFunc(op.Parameters, func(p struct {
					Name string `json:"name"`
					In   string `json:"in"`
				}) bool {
					return p.Name == name && p.In == "path"
				}) {
					t.Errorf("%s: the path's %s is not described", action.Name, name)
				}
			}
		}
		if !strings.Contains(page, `id="`+action.Name+`"`) || !strings.Contains(page, prefix+action.Path) {
			t.Errorf("%s is not on the page", action.Name)
		}
	}
	for name, schema := range doc.Components.Schemas {
		for field, s := range schema.Properties {
			if s.Description == "" && s.Ref == "" {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
	}
	for part := range strings.SplitSeq(string(a.body), `"$ref":"#/components/schemas/`) {
		if name, _, ok := strings.Cut(part, `"`); ok && !strings.HasPrefix(part, "{") {
			if _, ok := doc.Components.Schemas[name]; !ok {
				t.Errorf("the schema %s is missing", name)
			}
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "http://") ||
		strings.Contains(page, "https://") {
		t.Error("the page loads something")
	}
}

// TestDocumentIsStrict: generated clients trust what it says.
func TestDocumentIsStrict(t *testing.T) {
	h := newFixture(t)
	body := string(h.do("GET", "/openapi.json", "", nil).body)
	if strings.Contains(body, `["array","null"]`) {
		t.Error("a list may be null")
	}
	if !strings.Contains(body, `"servers":[{"url":"/"}]`) {
		t.Error("no servers")
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Security    *[]any
			Responses   map[string]any
			OperationID string
		}
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.Security == nil || op.Responses["4XX"] == nil {
				t.Errorf("%s %s lacks security or its refusals", method, path)
			}
		}
	}
	if server := doc.Paths[prefix+"/server"]["get"]; server.Security == nil || len(*server.Security) != 0 {
		t.Errorf("GET /server: %+v", server.Security)
	}
}
