package incoming

import (
	"strings"
	"testing"
)

// payloads are shaped as those programs send them.
var payloads = []struct{ name, body, want string }{
	{"a text", `{"text":"Build *failed*: <https://ci.example/1|#1>","username":"ci","icon_emoji":":x:","channel":"#ops","unfurl_links":false}`,
		`Build **failed**: [#1](https://ci.example/1)`},
	{"Alertmanager's slack_configs", `{"channel":"#alerts","username":"Alertmanager","attachments":[{"title":"[FIRING:2] HighLatency (api prod)",
		"title_link":"http://alertmanager.example:9093/#/alerts?receiver=slack","pretext":"","text":"*Alert:* p99 &gt; 2s - ` + "`critical`" + `\n*Details:*\n  • *instance:* ` + "`api-1`" + `\n",
		"fallback":"[FIRING:2] HighLatency | http://alertmanager.example:9093/#/alerts?receiver=slack","callback_id":"","footer":"","color":"danger","mrkdwn_in":["fallback","pretext","text"],
		"fields":[{"title":"Severity","value":"critical","short":true}],"actions":[{"type":"button","text":"Runbook","url":"https://runbooks.example/latency"},{"type":"button","text":"Silence","url":""}]}]}`,
		"> **[\\[FIRING:2\\] HighLatency (api prod)](http://alertmanager.example:9093/#/alerts?receiver=slack)**\n" +
			"> **Alert:** p99 > 2s - `critical`\n> **Details:**\n>   • **instance:** `api-1`\n> \n> **Severity** critical\n> \n> [Runbook](https://runbooks.example/latency)"},
	{"Grafana's Slack contact point", `{"channel":"x","text":"","attachments":[{"color":"#D63232","title":"[FIRING:1] DatasourceNoData (Ops)","title_link":"https://grafana.example/alerting/list",
		"fallback":"[FIRING:1] DatasourceNoData","text":"**Firing**\n\nValue: A=1.5\nLabels:\n - alertname = disk_full\nSource: https://grafana.example/alerting/grafana/x/view?orgId=1\n",
		"fields":null,"footer":"Grafana v11.2.0","footer_icon":"https://grafana.com/static/assets/img/fav32.png","ts":1725000000,"image_url":"https://grafana.example/render/d_1.png?x=1"}]}`,
		"> **[\\[FIRING:1\\] DatasourceNoData (Ops)](https://grafana.example/alerting/list)**\n> \\*\\*Firing\\*\\*\n> \n> Value: A=1.5\n> Labels:\n>  - alertname = disk\\_full\n" +
			"> Source: https://grafana.example/alerting/grafana/x/view?orgId=1\n> \n> 🖼 [d\\_1.png](https://grafana.example/render/d_1.png?x=1)\n> \n> _Grafana v11.2.0_"},
	{"Gitea's push", `{"channel":"","text":"[<https://git.example/a/b|a/b>:<https://git.example/a/b/src/branch/main|main>] 1 new commit pushed by joe","username":"","icon_url":"","unfurl_links":0,"link_names":0,
		"attachments":[{"fallback":"","color":"#10B981","title":"","title_link":"","text":"<https://git.example/a/b/commit/1|1a2b3c>: fix_all the *things* - joe","fields":null}]}`,
		"[[a/b](https://git.example/a/b):[main](https://git.example/a/b/src/branch/main)] 1 new commit pushed by joe\n\n> [1a2b3c](https://git.example/a/b/commit/1): fix\\_all the \\*things\\* - joe"},
	{"a workflow's blocks", `{"text":"for notifications","blocks":[{"type":"header","text":{"type":"plain_text","text":"Deploy *finished*","emoji":true}},
		{"type":"section","text":{"type":"mrkdwn","text":"*Result:* ok"},"accessory":{"type":"button","text":{"type":"plain_text","text":"Open"},"url":"https://ci.example/2","value":"x"}},
		{"type":"section","fields":[{"type":"mrkdwn","text":"*Branch*\nmain"},{"type":"plain_text","text":"2 * 3"}]},
		{"type":"divider"},{"type":"image","image_url":"https://ci.example/p.png","alt_text":"a graph"},
		{"type":"context","elements":[{"type":"image","image_url":"https://ci.example/i.png","alt_text":"joe"},{"type":"mrkdwn","text":"by *joe*"},{"type":"strange"}]},
		{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Approve"},"action_id":"a"},{"type":"button","text":{"type":"plain_text","text":"Logs"},"url":"https://ci.example/l"}]},
		{"type":"from_the_future","text":"x"}]}`,
		"### Deploy \\*finished\\*\n\n**Result:** ok\n[Open](https://ci.example/2)\n\n**Branch**\nmain\n2 \\* 3\n\n---\n\n🖼 [a graph](https://ci.example/p.png)\n\n" +
			"🖼 [joe](https://ci.example/i.png) · by **joe**\n\n[Logs](https://ci.example/l)"},
	{"rich text", `{"blocks":[{"type":"rich_text","elements":[
		{"type":"rich_text_section","elements":[{"type":"text","text":"Hi "},{"type":"user","user_id":"U1"},{"type":"text","text":" bold ","style":{"bold":true,"italic":true}},{"type":"text","text":"a*b","style":{"code":true}},
			{"type":"emoji","name":"wave","unicode":"1f44b-1f3fd"},{"type":"emoji","name":"own"},{"type":"broadcast","range":"here"},{"type":"link","url":"https://a.example","text":"here","style":{"bold":true}}]},
		{"type":"rich_text_list","style":"bullet","indent":0,"elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one"}]},{"type":"rich_text_section","elements":[{"type":"text","text":"two"}]}]},
		{"type":"rich_text_list","style":"ordered","indent":1,"offset":2,"elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"inner"}]}]},
		{"type":"rich_text_quote","elements":[{"type":"text","text":"said\nso"}]},
		{"type":"rich_text_preformatted","border":0,"elements":[{"type":"text","text":"a ` + "```" + ` b\n"},{"type":"link","url":"https://a.example"}]}]}]}`,
		"Hi @U1 **_bold_** `a*b`👋🏽:own:@room[here](https://a.example)\n\n- one\n- two\n    3. inner\n\n> said\n> so\n````\na ``` b\nhttps://a.example\n````"},
	{"an attachment with nothing but a fallback",
		`{"attachments":[{"fallback":"it *broke*","color":"danger"}]}`, `> it \*broke\*`},
	{"an attachment with all", `{"attachments":[{"pretext":"before","author_name":"Ann_B","author_link":"https://a.example/ann","title":"T","text":"x","footer":"f_g","thumb_url":"https://a.example/t/",
		"fields":[{"title":"many","value":"1\n2"},{"title":"n","value":7},{"value":"alone"}],"blocks":[{"type":"section","text":{"type":"mrkdwn","text":"in a block"}}]}]}`,
		"before\n> [Ann\\_B](https://a.example/ann)\n> **T**\n> x\n> \n> in a block\n> \n> **many**\n> 1\n> 2\n> \n> **n** 7\n> \n> alone\n> \n> 🖼 <https://a.example/t/>\n> \n> _f\\_g_"},
	{"short codes everywhere", `{"text":"x","blocks":[{"type":"header","text":{"type":"plain_text","text":":rocket: Deploy"}},
		{"type":"section","fields":[{"type":"plain_text","text":":x: no","emoji":true}]},
		{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":":eyes: Look"},"url":"https://a.example"}]},
		{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"emoji","name":"fire"},{"type":"text","text":" :tada:"},{"type":"text","text":":x:","style":{"code":true}}]}]}],
		"attachments":[{"title":":fire: T","fields":[{"title":":bell: F","value":":ok: v"}],"footer":":zap: foot"}]}`,
		"### 🚀 Deploy\n\n❌ no\n\n[👀 Look](https://a.example)\n\n🔥 🎉`:x:`\n\n> **🔥 T**\n> \n> **🔔 F** 🆗 v\n> \n> _⚡ foot_"},
	{"a text that asks for no formatting", `{"text":"*no* _no_ ~no~ \u0060no\u0060\n# no <https://a.example|yes> https://a.example/*x* :fire:","mrkdwn":false}`,
		"\\*no\\* \\_no\\_ \\~no\\~ \\`no\\`\n\\# no [yes](https://a.example) <https://a.example/*x*> 🔥"},
	{"an attachment in which only the fields are formatted",
		`{"attachments":[{"pretext":"*a*","text":"*b*","fields":[{"value":"*c*"}],"mrkdwn_in":["fields",7]}]}`,
		"\\*a\\*\n> \\*b\\*\n> \n> **c**"},
	{"wrong types everywhere", `{"text":7,"attachments":[3,null,{"title":["x"],"text":{"a":1},"fields":{"title":1},"fallback":true}],"blocks":"no"}`, "7\n\n> **1**"},
	{"lists as texts, and one object", `{"blocks":"[{\"type\":\"section\",\"text\":\"*b*\"}]","attachments":{"text":"one"}}`,
		"**b**\n\n> one"},
	{"a quotation to the end", `{"text":"*before*\n&gt;&gt;&gt; all\n*the* rest","blocks":"x"}`, "**before**\n> all\n> **the** rest"},
	{"three marks in code", "{\"text\":\"```\\n>>> x\\n```\"}", "```\n>>> x\n```"},
	{"groups", `{"text":"<!subteam^S1> <!subteam^S1|@ops>"}`, "@S1 @ops"},
	{"marks inside a word", `{"blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"un"},
		{"type":"text","text":"believ","style":{"bold":true}},{"type":"text","text":"able, "},{"type":"text","text":"Note:","style":{"bold":true}},
		{"type":"text","text":"x "},{"type":"text","text":"ok ","style":{"italic":true}},{"type":"text","text":"y"}]}]}]}`,
		"unbelievable, Note:x _ok_ y"},
	{"a table", `{"blocks":[{"type":"table","rows":[[{"type":"raw_text","text":"Host"},{"type":"raw_text","text":"a|b"}],
		[{"type":"raw_text","text":"*x*\ny"},{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"up","style":{"bold":true}}]}]}],7]}]}`,
		"| Host | a\\|b |\n|---|---|\n| \\*x\\* y | **up** |"},
	{"breaks of lines", `{"text":"a\u000bb\u000cc\u2028d\u0085e"}`, "a\nb\nc\nd\ne"},
	{"control characters", "{\"text\":\"a\\u0000b\\u001b[31m\\r\\nc\\u007f\"}", "ab[31m\nc"},
}

func TestRender(t *testing.T) {
	for _, c := range payloads {
		t.Run(c.name, func(t *testing.T) {
			p, err := decode("application/json", []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := render(p); got != c.want {
				t.Errorf("got\n%s\nwant\n%s\n%q", got, c.want, got)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	form := "payload=%7B%22text%22%3A%22a+%26+b%22%7D"
	for _, c := range []struct {
		kind, body, want string // want "" if refused
	}{
		{"application/json", `{"text":"x"}`, "x"},
		{"application/json; charset=utf-8", " \ufeff\n", ""},
		{"application/x-www-form-urlencoded", form, "a & b"},
		{"", form, "a & b"},
		{"application/x-www-form-urlencoded", `{"text":"curl -d"}`, "curl -d"},
		{"text/plain", "\ufeff{\"text\":\"bom\"}", "bom"},
		{"application/x-www-form-urlencoded", `payload={"text":"Disk 95% full"}`, "Disk 95% full"},
		{"application/x-www-form-urlencoded", `payload={"text":"Error; see log"}`, "Error; see log"},
		{"application/x-www-form-urlencoded", `payload={"text":"a & b=c"}`, "a & b=c"},
		{"application/x-www-form-urlencoded", `payload={"text":"100%25 %zz %"}`, "100% %zz %"},
		{"application/x-www-form-urlencoded", `a=1&payload={"text":"x"}&b=2`, "x"},
		{"application/x-www-form-urlencoded", `payload=%7B%22text%22%3A%22gr%FC%DF%22%7D`, "grüß"},
		{"application/json; charset=ISO-8859-1", "{\"text\":\"gr\xfc\xdf\"}", "grüß"},
		{"application/json; charset=ISO-8859-1", `{"text":"grüß"}`, "grüß"},
		{"application/json; charset=koi8-r", "{\"text\":\"\xd0\xd2\"}", "пр"},
		{"application/json; charset=nonsense", "{\"text\":\"\xfc\"}", "\uFFFD"},
		{"application/json", "{\"text\":\"\x93ok\x94\"}", "“ok”"},
		{"application/json; charset=utf-16", "\xff\xfe{\x00\"\x00t\x00e\x00x\x00t\x00\"\x00:\x00\"\x00\xfc\x00\"\x00}\x00", "ü"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{\"text\":\"curl -F\"}\r\n--b--\r\n", "curl -F"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{\"text\":\"x\"}\r\n--b--\r\n", ""},
		{"multipart/form-data", "--b\r\n", ""},
		{"application/json", form, ""},
		{"", "payload=", ""},
		{"", "payload=x", ""},
		{"", "text=x", ""},
		{"", "", ""},
		{"application/json", "null", ""},
		{"application/json", "[]", ""},
		{"application/json", `{"text":"x"} trailing`, ""},
		{"application/json", `{"text":"x"`, ""},
		{"application/json", strings.Repeat(`{"a":`, 50000) + "1" + strings.Repeat("}", 50000), ""},
	} {
		p, err := decode(c.kind, []byte(c.body))
		if (err == nil) != (c.want != "") || err == nil && p.text("text") != c.want {
			t.Errorf("%s %.60q: %q, %v", c.kind, c.body, p.text("text"), err)
		}
	}
}
