// Package incoming is the door for programs that can post to Slack: POST
// /hooks/<token>, with the token of an incoming webhook.
//
// It takes the format of Slack's incoming webhooks, as JSON or as the form
// field payload: text, attachments and blocks. They become one message in
// markdown. What is not known is left out and is no error, also where something
// has another type than expected: a monitor's alarm that lost its button is
// better than no alarm. username, channel and icons are left out too: a hook
// posts under its own name into its own room. Texts that already are markdown
// stay what they are, which is what Mattermost's senders write.
//
// What comes with the header X-GitHub-Event and is none of Slack's is what
// GitHub, Gitea and Forgejo send by themselves: see github.go.
//
// Answers are Slack's: 200 and "ok", or a short word as plain text.
package incoming
