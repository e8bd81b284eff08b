package incoming

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// maxCommits is how many commits of a push are listed.
	maxCommits = 5
	// maxExcerpt is how many characters of a comment are shown.
	maxExcerpt = 500
)

// github renders what GitHub's own webhooks send, and those of Gitea and
// Forgejo, which send the same. Events and actions that are not worth a message
// are "".
func github(event string, p object) string {
	action, who, in := p.text("action"), person(p.object("sender")), ""
	if repo := p.object("repository"); repo != nil {
		in = " in " + link(repo.text("full_name"), repo.text("html_url"))
	}
	say := func(format string, args ...any) string { return who + " " + fmt.Sprintf(format, args...) + in }
	switch event {
	case "ping":
		return "Connected" + in
	case "push":
		return push(p, who)
	case "create", "delete":
		return say("%sd %s %s", event, stranger(p.text("ref_type")), inlineCode(p.text("ref")))
	case "fork":
		return say("made the fork %s", subject(p.object("forkee"), "full_name"))
	case "star":
		if action == "created" {
			return say("put a star")
		}
	case "issues":
		if done := map[string]string{"opened": "opened", "closed": "closed",
			"reopened": "reopened"}[action]; done != "" {
			return with(say("%s issue %s", done, numbered(p.object("issue"))), p.object("issue"),
				action == "opened")
		}
	case "pull_request":
		pull := p.object("pull_request")
		done := map[string]string{"opened": "opened", "closed": "closed", "reopened": "reopened",
			"ready_for_review": "asks for a review of"}[action]
		if action == "closed" && pull.isTrue("merged") {
			done = "merged"
		}
		if done != "" {
			return with(say("%s pull request %s", done, numbered(pull)), pull, action == "opened")
		}
	case "issue_comment", "pull_request_review_comment", "commit_comment":
		if action == "created" {
			about, comment := p.object("issue"), p.object("comment")
			if about == nil {
				about = p.object("pull_request")
			}
			return with(say("%s %s", link("commented", comment.text("html_url")),
				join(" ", "on", numbered(about))), comment, true)
		}
	case "pull_request_review":
		review := p.object("review")
		done := map[string]string{"approved": "approved",
			"changes_requested": "asked for changes of",
			"commented":         "commented on"}[strings.ToLower(review.text("state"))]
		if action == "submitted" && done != "" {
			return with(say("%s pull request %s", link(done, review.text("html_url")),
				numbered(p.object("pull_request"))), review, true)
		}
	case "release":
		release := p.object("release")
		if name := release.text("name"); action == "published" && name == "" {
			return say("published %s", subject(release, "tag_name"))
		} else if action == "published" {
			return say("published %s", subject(release, "name"))
		}
	case "workflow_run":
		run := p.object("workflow_run")
		if action == "completed" {
			return fmt.Sprintf("%s on %s ended: **%s**%s", subject(run, "name"),
				inlineCode(run.text("head_branch")), stranger(run.text("conclusion")), in)
		}
	}
	return ""
}

func push(p object, who string) string {
	ref := p.text("ref")
	branch := inlineCode(strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/"))
	repo := link(p.object("repository").text("full_name"), p.object("repository").text("html_url"))
	commits := p.objects("commits")
	if len(commits) == 0 { // a branch or tag that came or went: create and delete tell of it
		return ""
	}
	done := "pushed"
	if p.isTrue("forced") {
		done = "forced"
	}
	count := fmt.Sprintf("%d commits", len(commits))
	if len(commits) == 1 {
		count = "1 commit"
	}
	lines := []string{fmt.Sprintf("%s %s %s to %s of %s", who, done, link(count, p.text("compare")),
		branch, repo)}
	for i, c := range commits {
		if i == maxCommits {
			lines = append(lines, fmt.Sprintf("- and %d more", len(commits)-maxCommits))
			break
		}
		title, _, _ := strings.Cut(c.text("message"), "\n")
		id := c.text("id")
		lines = append(lines, "- "+link(id[:min(7, len(id))], c.text("url"))+" "+
			stranger(excerpt(title, 100)))
	}
	return strings.Join(lines, "\n")
}

func person(o object) string { return bold(subject(o, "login")) }

// subject is the name of a thing, as a link to it.
func subject(o object, name string) string { return link(silent(o.text(name)), o.text("html_url")) }

// numbered is an issue or a pull request.
func numbered(o object) string {
	if o == nil {
		return ""
	}
	return link("#"+o.text("number")+" "+silent(o.text("title")), o.text("html_url"))
}

// with adds the beginning of what somebody wrote.
func with(line string, o object, show bool) string {
	body := strings.TrimSpace(comments.ReplaceAllString(o.text("body"), ""))
	if !show || body == "" {
		return line
	}
	return line + "\n" + quote(silent(excerpt(body, maxExcerpt)))
}

var comments = regexp.MustCompile(`(?s)<!--.*?-->`)

// excerpt is the beginning of a text.
func excerpt(text string, length int) string {
	if utf8.RuneCountInString(text) <= length {
		return text
	}
	return broken(string([]rune(text)[:length]))
}

// stranger is a text as it is.
func stranger(text string) string { return literal(silent(text)) }

// silent keeps a text, which anybody on the Internet may have written, from
// calling people of the room.
func silent(text string) string { return strings.ReplaceAll(text, "@", "@\u2060") }
