package ratelimit

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HTTP says how a Limiter guards an http.Handler. Only Key is required.
type HTTP struct {
	// Key names whom to count a request for. A request with an empty key is not
	// limited.
	Key func(*http.Request) string

	// Limits are those of a request, as of [Limiter.AllowLimits]. Default: the
	// limiter's own.
	Limits func(*http.Request) []Limit

	// Count is what a request takes. Default: 1. A count below 1 is not
	// limited; one above a quota is refused with 429 without Retry-After,
	// because no waiting helps.
	Count func(*http.Request) int64

	// Refused answers a refused request; the header fields are already set.
	// Default: [WriteRefusal].
	Refused func(http.ResponseWriter, *http.Request, Result)

	// ErrorHandler answers when Redis gave no answer and Options.OnFailure is
	// ReturnError, or when Limits returned what New would refuse. Default: 503
	// with a problem document that does not tell why.
	ErrorHandler func(http.ResponseWriter, *http.Request, error)
}

func (opt HTTP) withDefaults() HTTP {
	if opt.Key == nil {
		panic("ratelimit: HTTP.Key is nil")
	}
	if opt.Refused == nil {
		opt.Refused = WriteRefusal
	}
	if opt.ErrorHandler == nil {
		opt.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.Header().Set("Retry-After", "1")
			writeProblem(w, http.StatusServiceUnavailable, problem{
				Title: "Service unavailable", Detail: "The rate limit could not be checked. Try again shortly.",
			})
		}
	}
	return opt
}

// Handler returns a handler that lets next serve what the limits allow. Each
// response that was judged has the fields of [SetHeader].
func (l *Limiter) Handler(opt HTTP, next http.Handler) http.Handler {
	opt = opt.withDefaults()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, count := opt.Key(r), int64(1)
		if opt.Count != nil {
			count = opt.Count(r)
		}
		if key == "" || count < 1 {
			next.ServeHTTP(w, r)
			return
		}
		rules := l.rules
		if opt.Limits != nil {
			var err error
			if rules, err = l.check(opt.Limits(r)); err != nil {
				opt.ErrorHandler(w, r, err)
				return
			}
		}
		if violated := rules.tooSmall(count); len(violated) > 0 {
			writeProblem(w, http.StatusTooManyRequests, problem{
				Type: quotaExceeded, Title: "The request is larger than its quota",
				Detail: "Make a smaller request. Waiting does not help.", Violated: violated,
			})
			return
		}
		result, err := l.run(r.Context(), rules, key, count, true)
		if err != nil {
			opt.ErrorHandler(w, r, err)
			return
		}
		SetHeader(w.Header(), result)
		if !result.Allowed {
			opt.Refused(w, r, result)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tooSmall names the limits that could never allow count.
func (l rules) tooSmall(count int64) (names []string) {
	for _, limit := range l.limits {
		if count > limit.most() {
			names = append(names, limit.Name)
		}
	}
	return names
}

// SetHeader writes what a result says into a response's header:
//
//	RateLimit-Policy: "burst";q=10;w=1, "hour";q=1000;w=3600
//	RateLimit: "burst";r=9;t=1, "hour";r=412;t=1730
//	X-RateLimit-Limit: 10
//	X-RateLimit-Remaining: 9
//	X-RateLimit-Reset: 1
//	Retry-After: 1
//
// The first two follow draft-ietf-httpapi-ratelimit-headers-10. The X- fields
// tell of the tightest limit. All times are seconds from now, rounded up, so
// that a client that waits as told is not refused again. t is the time until
// the quota is whole again, or until the refused request would pass.
// Retry-After is set on refusals only.
func SetHeader(h http.Header, r Result) {
	if !r.Allowed && r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(r.RetryAfter), 10))
	}
	if len(r.Limits) == 0 {
		return
	}
	var policy, state strings.Builder
	for i, s := range r.Limits {
		if i > 0 {
			policy.WriteString(", ")
			state.WriteString(", ")
		}
		policy.WriteString(`"` + s.Limit.Name + `";q=` + strconv.FormatInt(s.Limit.Quota, 10) +
			";w=" + strconv.FormatInt(seconds(s.Limit.Window), 10))
		state.WriteString(`"` + s.Limit.Name + `";r=` + strconv.FormatInt(s.Remaining, 10) +
			";t=" + strconv.FormatInt(s.wait(), 10))
	}
	h.Set("RateLimit-Policy", policy.String())
	h.Set("RateLimit", state.String())

	tightest := r.Tightest()
	h.Set("X-RateLimit-Limit", strconv.FormatInt(tightest.Limit.Quota, 10))
	h.Set("X-RateLimit-Remaining", strconv.FormatInt(tightest.Remaining, 10))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(tightest.wait(), 10))
}

func (s State) wait() int64 {
	if s.RetryAfter > 0 {
		return seconds(s.RetryAfter)
	}
	return seconds(s.Reset)
}

// seconds rounds up.
func seconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

// quotaExceeded is the problem type that the draft registers for a used-up
// quota.
const quotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

type problem struct {
	Type     string   `json:"type,omitempty"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail,omitempty"`
	Violated []string `json:"violated-policies,omitempty"`
}

// WriteRefusal writes 429 and a problem document that names the limits in the
// way. It does not write the fields of [SetHeader].
func WriteRefusal(w http.ResponseWriter, _ *http.Request, r Result) {
	p := problem{Type: quotaExceeded, Title: "Too many requests", Detail: "Try again later."}
	if r.RetryAfter > 0 {
		p.Detail = "Try again in " + strconv.FormatInt(seconds(r.RetryAfter), 10) + " s."
	}
	for _, s := range r.Limits {
		if s.RetryAfter > 0 {
			p.Violated = append(p.Violated, s.Limit.Name)
		}
	}
	writeProblem(w, http.StatusTooManyRequests, p)
}

func writeProblem(w http.ResponseWriter, status int, p problem) {
	p.Status = status
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone; there is no one else to tell
}
