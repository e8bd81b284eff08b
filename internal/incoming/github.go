package incoming

import (
	"fmt"
	"regexp"
	"slices"
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
// are "". A field that is missing leaves a shorter sentence, without a hole.
func github(event string, p object) string {
	action, who := p.text("action"), person(p.object("sender"))
	repo := p.object("repository")
	in := after("in", subject(repo, "full_name"))
	say := func(parts ...string) string { return words(who, words(parts...), in) }
	switch event {
	case "ping":
		return words("Connected", in)
	case "push":
		return push(p, who)
	case "create", "delete":
		return say(event+"d", literalText(p.text("ref_type")), inlineCode(p.text("ref")))
	case "fork":
		return say("made the fork", subject(p.object("forkee"), "full_name"))
	case "star":
		if action == "created" {
			return say("put a star")
		}
	case "issues":
		if done := map[string]string{"opened": "opened", "closed": "closed",
			"reopened": "reopened"}[action]; done != "" {
			issue := p.object("issue")
			return with(say(done, "issue", numbered(issue)), issue, action == "opened")
		}
	case "pull_request":
		pull := p.object("pull_request")
		done := map[string]string{"opened": "opened", "closed": "closed", "reopened": "reopened",
			"ready_for_review": "asks for a review of"}[action]
		if action == "closed" && pull.isTrue("merged") {
			done = "merged"
		}
		if done != "" {
			return with(say(done, "pull request", numbered(pull)), pull, action == "opened")
		}
	case "issue_comment", "pull_request_review_comment", "commit_comment":
		if action == "created" {
			comment := p.object("comment")
			about := numbered(p.object("issue"))
			if about == "" {
				about = numbered(p.object("pull_request"))
			}
			if about == "" {
				about = commit(comment, repo)
			}
			said := link("commented", comment.text("html_url"))
			return with(say(said, after("on", about)), comment, true)
		}
	case "pull_request_review":
		review := p.object("review")
		done := map[string]string{"approved": "approved",
			"changes_requested": "asked for changes of",
			"commented":         "commented on"}[strings.ToLower(review.text("state"))]
		if action == "submitted" && done != "" {
			said := link(done, review.text("html_url"))
			return with(say(said, "pull request", numbered(p.object("pull_request"))), review, true)
		}
	case "release":
		release, name := p.object("release"), "name"
		if release.text(name) == "" {
			name = "tag_name"
		}
		if action == "published" {
			return say("published", subject(release, name))
		}
	case "workflow_run":
		run := p.object("workflow_run")
		if result := literalText(run.text("conclusion")); action == "completed" && result != "" {
			return words(subject(run, "name"), after("on", inlineCode(run.text("head_branch"))),
				"ended:", bold(result), in)
		}
	}
	return ""
}

// words puts what is not empty into one sentence.
func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// after is a word and what comes after it, "" if nothing does.
func after(word, md string) string {
	if md == "" {
		return ""
	}
	return word + " " + md
}

func push(p object, who string) string {
	ref, repo := p.text("ref"), p.object("repository")
	branch := inlineCode(strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/"))
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
	lines := []string{words(who, done, link(count, p.text("compare")), after("to", branch),
		after("of", subject(repo, "full_name")))}
	for i, c := range commits {
		if i == maxCommits {
			lines = append(lines, fmt.Sprintf("- and %d more", len(commits)-maxCommits))
			break
		}
		title, _, _ := strings.Cut(c.text("message"), "\n")
		id := c.text("id")
		lines = append(lines, words("-", link(id[:min(7, len(id))], c.text("url")),
			literalText(excerpt(title, 100))))
	}
	return strings.Join(lines, "\n")
}

func person(o object) string { return bold(subject(o, "login")) }

// subject is the name of a thing, as a link to it.
func subject(o object, name string) string { return link(silent(o.text(name)), o.text("html_url")) }

// numbered is an issue or a pull request.
func numbered(o object) string {
	if o.text("number") == "" {
		return ""
	}
	return link("#"+o.text("number")+" "+silent(o.text("title")), o.text("html_url"))
}

// commit is the commit that a comment is about.
func commit(comment, repo object) string {
	id, url := comment.text("commit_id"), repo.text("html_url")
	if id == "" {
		return ""
	}
	if url != "" {
		url += "/commit/" + id
	}
	return "commit " + link(id[:min(7, len(id))], url)
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

// literalText shows a text as it is, without markup.
func literalText(text string) string { return literal(silent(text)) }

// silent keeps a text, which anybody on the Internet may have written, from
// calling people of the room. Addresses, which call nobody, stay as they are.
func silent(text string) string {
	return calls.ReplaceAllStringFunc(text, func(found string) string {
		if found == "@" {
			return "@\u2060"
		}
		return found
	})
}

// calls are each @ outside of an address without brackets and quotation marks.
var calls = regexp.MustCompile(`@|(?i)(?:^|[\s(<])https?://[\w.~:/?#&=%+@-]+`)
