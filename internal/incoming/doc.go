// Package incoming takes messages from apps that can post to Slack: POST
// /hooks/<token>, with the token of an incoming webhook.
//
// It reads the format of Slack's incoming webhooks, as JSON or as the field
// payload of a form of either kind: text, attachments and blocks. They become
// one message in markdown. Unknown fields are left out, and so are fields of an
// unexpected type: an alarm that lost its button is better than no alarm.
// username, channel and icons are ignored, since a hook posts under its own
// name into its own room.
//
// Formatting follows Slack: the text of a message is mrkdwn unless "mrkdwn" is
// false, blocks say it themselves, and an attachment's texts are plain except
// those that mrkdwn_in names. Links, mentions and short codes of emoji work
// everywhere. A text that already is markdown, as Mattermost's senders write,
// stays as it is.
//
// A request with the header X-GitHub-Event that has none of Slack's fields is
// an event of GitHub, Gitea or Forgejo: see github.go.
//
// Answers are Slack's: 200 and "ok", or a short word as plain text.
package incoming
