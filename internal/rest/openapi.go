package rest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
)

// document is the OpenAPI 3.1 description of the API, made once from the table
// of actions: for programs and for people.
type document struct {
	json []byte
	page string
}

func openAPI(version string, policy *clientinfo.Policy) *document {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	api := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Parley", Version: version,
			License:     &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
			Description: "Every action of the chat. The same actions are JSON-RPC 2.0 methods of the WebSocket at " + prefix + "/ws, where events arrive; see docs/protocol.md."},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", Description: "The token of a session"},
				"cookie": {Type: "apiKey", In: "cookie", Name: policy.CookieName(""),
					Description: "Browsers. The name begins with __Host- or __Secure- where the connection is encrypted"},
			},
		},
	}
	server := "/"
	if policy.PublicURL != nil {
		server = strings.TrimSuffix(policy.PublicURL.String(), "/")
	}
	api.Servers = []*huma.Server{{URL: server}}
	problem := &huma.Response{
		Description: "Refused",
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: registry.Schema(reflect.TypeFor[Problem](), true, ""),
		}},
	}
	for _, a := range routes() {
		noun, _, _ := strings.Cut(a.Name, ".")
		op := &huma.Operation{
			OperationID: a.Name, Method: a.Method, Path: prefix + a.Path, Summary: a.Summary,
			Description: a.Doc, Tags: []string{noun},
			Responses: map[string]*huma.Response{strconv.Itoa(a.Status): {Description: "Done"},
				"4XX": problem, "default": problem},
			Security: []map[string][]string{},
		}
		if a.Out != nil {
			op.Responses[strconv.Itoa(a.Status)].Content = map[string]*huma.MediaType{
				"application/json": {Schema: registry.Schema(a.Out, true, "")},
			}
		}
		if a.Access == chat.LoggedIn {
			op.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
		}
		describeInput(registry, a, op)
		if a.Call == nil {
			describeFiles(a, op)
		}
		if !slices.ContainsFunc(api.Tags, func(t *huma.Tag) bool { return t.Name == noun }) {
			api.Tags = append(api.Tags, &huma.Tag{Name: noun, Description: nouns[noun]})
		}
		api.AddOperation(op)
	}
	for _, schema := range registry.Map() {
		forbidNull(schema)
	}
	data, err := json.Marshal(api)
	if err != nil {
		panic("rest: the OpenAPI document cannot be written: " + err.Error())
	}
	return &document{json: data, page: docsPage(api)}
}

// nouns describe the groups of actions, by the first part of their names.
var nouns = map[string]string{
	"account":  "Your own account: sign up, password, status and profile",
	"audit":    "Who did what to others",
	"ban":      "People who cannot come into a room",
	"bot":      "Accounts of apps",
	"direct":   "Conversations of two to nine people",
	"document": "Small settings that your devices share",
	"emoji":    "Custom emoji of the server",
	"event":    "What happened in a room since a position",
	"file":     "Uploads, and the files of messages",
	"hook":     "Incoming webhooks: other services post into a room",
	"invite":   "Links that let people sign up",
	"link":     "What links in messages lead to",
	"member":   "People in a room: roles, mutes and bans",
	"message":  "Send, read, change and find messages; pins",
	"outgoing": "Outgoing webhooks: a room's messages are posted to other services",
	"picture":  "Profile pictures",
	"presence": "Who is online, or was last",
	"factor":   "The second factor of a log-in with a password",
	"mail":     "Your mail address, and mail about what you have not read",
	"passkey":  "Keys that log in without a password",
	"password": "Passwords that were forgotten",
	"push":     "Web Push: notifications on devices while the client is closed",
	"reaction": "Emoji on messages",
	"read":     "How far you have read",
	"room":     "Rooms: your own, public ones, and their settings",
	"report":   "Messages that somebody wants moderators to look at",
	"schedule": "Messages to be sent later, and reminders",
	"server":   "What this server is and allows",
	"session":  "Log in and out, and see where you are logged in",
	"thread":   "Replies to one message",
	"token":    "API tokens of apps and scripts",
	"typing":   "Who is typing",
	"user":     "People on the server",
}

// forbidNull says of lists that they are never null: empty ones are written [].
func forbidNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	forbidNull(s.Items)
	for _, property := range s.Properties {
		forbidNull(property)
	}
}

// routes is everything that the document describes.
func routes() []chat.Action { return slices.Concat(chat.Actions(), byteRoutes()) }

// byteRoutes are the routes whose bodies are no JSON.
func byteRoutes() []chat.Action { return slices.Concat(fileRoutes, pictureRoutes) }

// describeInput splits an action's input into parameters and body, as binding
// does.
func describeInput(registry huma.Registry, a chat.Action, op *huma.Operation) {
	all := huma.SchemaFromType(registry, a.In)
	forbidNull(all)
	bind := newBinding(a)
	in := "query"
	if bind.body && a.Call != nil { // the body of an upload is no JSON
		in = ""
	}
	body := &huma.Schema{Type: "object", AdditionalProperties: false, Properties: map[string]*huma.Schema{}}
	for i := range a.In.NumField() {
		name, _, _ := strings.Cut(a.In.Field(i).Tag.Get("json"), ",")
		schema, required := all.Properties[name], slices.Contains(all.Required, name)
		_, inPath := bind.path[name]
		switch {
		case inPath:
			op.Parameters = append(op.Parameters,
				&huma.Param{Name: name, In: "path", Required: true, Description: schema.Description,
					Schema: schema})
		case in == "query":
			op.Parameters = append(op.Parameters,
				&huma.Param{Name: name, In: in, Required: required, Description: schema.Description,
					Schema: schema})
		default:
			body.Properties[name] = schema
			if required {
				body.Required = append(body.Required, name)
			}
		}
	}
	if len(body.Properties) > 0 {
		op.RequestBody = &huma.RequestBody{Required: len(body.Required) > 0,
			Content: map[string]*huma.MediaType{"application/json": {Schema: body}}}
	}
}

func (d *document) serveJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(d.json)
}
