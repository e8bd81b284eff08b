package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"
)

const (
	// reportKind is the kind of record of a report that waits, under its id,
	// which rises with time.
	reportKind = "report"
	// reportedKind is that of one that is closed, with the id
	// "<who reported>/<id>".
	reportedKind = "reported"
)

// reportsFor is how long a closed report is kept.
const reportsFor = 90 * 24 * time.Hour

var reportRate = Rate{Limit: 20, Window: time.Hour}

// Report is a message that somebody has asked to be looked at.
type Report struct {
	ID      string    `json:"id" doc:"Id"`
	Message Message   `json:"message" doc:"The message as it was then; only where it is and whose, once the report is closed and for the reporter"`
	By      UserID    `json:"by,omitempty" doc:"Who reported it"`
	At      time.Time `json:"at" doc:"When"`
	Reason  string    `json:"reason,omitempty" doc:"What they say is wrong with it"`
	Admins  bool      `json:"admins,omitempty" doc:"Admins and owners look at it, and not the room's moderators: it is in a direct room, or by one of them"`

	Outcome  ReportOutcome `json:"outcome,omitempty" enum:"acted,dismissed" doc:"With one that is closed: whether something was done"`
	Note     string        `json:"note,omitempty" doc:"With one that is closed: what whoever looked at it says to the reporter"`
	ClosedAt time.Time     `json:"closed_at,omitzero" doc:"With one that is closed: when"`

	home RoomID
}

// ReportOutcome is what came of a report.
type ReportOutcome string

const (
	ReportActed     ReportOutcome = "acted"     // something was done
	ReportDismissed ReportOutcome = "dismissed" // there was nothing to do
)

// keptReport is a report as a record.
type keptReport struct {
	Report
	Home RoomID `json:"home"` // the room, also of a message in a thread
}

func readReport(r Record) (Report, error) {
	var k keptReport
	err := json.Unmarshal(r.Value, &k)
	k.Report.home = k.Home
	return k.Report, err
}

// ReportInput asks for a message to be looked at.
type ReportInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	No     int64  `json:"no" doc:"Number of the message"`
	Reason string `json:"reason,omitempty" doc:"What is wrong with it"`
}

// ReportMessage asks those in charge to look at somebody else's message: the
// moderators of its room, or admins where there are none and where the message
// is one of theirs. They get it as it is now, so that it cannot be changed
// before they look. A second report by the same person is the first one.
func (s *Service) ReportMessage(ctx context.Context, who Caller, in ReportInput) (Report, error) {
	because, err := reason(in.Reason)
	if err != nil {
		return Report{}, err
	}
	m, view, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No})
	if err != nil {
		return Report{}, err
	}
	if m.From == who.User.ID {
		return Report{}, &Error{Code: CodeForbidden, Message: "This message is your own: you can delete it."}
	}
	if err := s.limit(ctx, "report:"+string(who.User.ID), reportRate); err != nil {
		return Report{}, err
	}
	report := Report{ID: s.NewID(), Message: m, By: who.User.ID, At: s.now(), Reason: because,
		home: view.home()}
	home, err := s.Store.Room(ctx, report.home)
	if err != nil {
		return Report{}, err
	}
	report.Admins = home.Kind == Direct
	if !report.Admins {
		if report.Admins, err = s.moderates(ctx, m.From, report.home); err != nil {
			return Report{}, err
		}
	}
	known := errors.New("it is known")
	err = s.recordsAfter(ctx, reportKind, "", func(r Record) error {
		was, err := readReport(r)
		if err == nil && was.By == report.By && was.Message.Room == m.Room && was.Message.No == m.No {
			report, err = was, known
		}
		return err
	})
	if errors.Is(err, known) {
		report.Message = report.place()
		return report, nil
	}
	if err != nil {
		return Report{}, err
	}
	value, err := json.Marshal(keptReport{report, report.home})
	if err != nil {
		return Report{}, err
	}
	if _, err := s.Store.PutRecord(ctx, reportKind, report.ID, 0, value); err != nil {
		return Report{}, err
	}
	s.Bell.Signal(ctx, Signal{Stream: ServerStream, Kind: ReportsChanged})
	report.Message = report.place()
	return report, nil
}

// place is the message without what it says.
func (r Report) place() Message {
	return Message{ID: r.Message.ID, Room: r.Message.Room, No: r.Message.No, From: r.Message.From}
}

// ReportsOutput are reports.
type ReportsOutput struct {
	Open   []Report `json:"open" doc:"Those that you may close, oldest first"`
	Closed []Report `json:"closed" doc:"Your own that were closed in the last 90 days, oldest first"`
}

// ListReports returns what waits for the caller to look at, and what came of
// their own reports.
func (s *Service) ListReports(ctx context.Context, who Caller, _ None) (ReportsOutput, error) {
	out := ReportsOutput{Open: []Report{}, Closed: []Report{}}
	may := map[RoomID]bool{} // rooms that were looked at
	err := s.recordsAfter(ctx, reportKind, "", func(r Record) error {
		report, err := readReport(r)
		if err != nil {
			return err
		}
		ok, known := may[report.home]
		if report.Admins || !known {
			if ok, err = s.mayClose(ctx, who, report); err != nil {
				return err
			}
			if !report.Admins {
				may[report.home] = ok
			}
		}
		if ok && report.Message.From != who.User.ID {
			out.Open = append(out.Open, report)
		}
		return nil
	})
	if err != nil {
		return ReportsOutput{}, err
	}
	for r, err := range s.prefixed(ctx, reportedKind, string(who.User.ID)+"/") {
		if err != nil {
			return ReportsOutput{}, err
		}
		report, err := readReport(r)
		if err != nil {
			return ReportsOutput{}, err
		}
		out.Closed = append(out.Closed, report)
	}
	return out, nil
}

// mayClose: who moderates the room; admins and owners where the report is
// theirs. Nobody judges what they wrote themselves.
func (s *Service) mayClose(ctx context.Context, who Caller, r Report) (bool, error) {
	switch {
	case r.Message.From == who.User.ID:
		return false, nil
	case r.Admins:
		return who.User.Role.atLeast(RoleAdmin), nil
	}
	return s.moderates(ctx, who.User.ID, r.home)
}

// CloseReportInput says what came of a report.
type CloseReportInput struct {
	Report  string        `json:"report" doc:"Id of the report"`
	Outcome ReportOutcome `json:"outcome" enum:"acted,dismissed" doc:"acted: something was done. dismissed: there was nothing to do"`
	Note    string        `json:"note,omitempty" doc:"What the reporter is told"`
}

// CloseReport ends a report. The reporter hears what came of it, and not by
// whom.
func (s *Service) CloseReport(ctx context.Context, who Caller, in CloseReportInput) (Report, error) {
	if in.Outcome != ReportActed && in.Outcome != ReportDismissed {
		return Report{}, invalid("outcome", "It must be acted or dismissed.")
	}
	note, err := line("note", in.Note, 0, maxReason)
	if err != nil {
		return Report{}, err
	}
	r, err := s.Store.Record(ctx, reportKind, cmp.Or(in.Report, "-"))
	if err != nil {
		return Report{}, err
	}
	report, err := readReport(r)
	if err != nil {
		return Report{}, err
	}
	may, err := s.mayClose(ctx, who, report)
	if err == nil && !may {
		err = ErrNotFound // there is nothing to learn of it
	}
	if err != nil {
		return Report{}, err
	}
	if err := s.record(ctx, who, AuditEntry{Action: "report.close", User: report.Message.From,
		Room: report.home, Detail: string(in.Outcome), Reason: note}); err != nil {
		return Report{}, err
	}
	report.Outcome, report.Note, report.ClosedAt = in.Outcome, note, s.now()
	report.Message = report.place() // what it said may have been deleted
	value, err := json.Marshal(keptReport{report, report.home})
	if err != nil {
		return Report{}, err
	}
	// Twice, at the same moment or after a crash, is once: the first counts.
	_, err = s.Store.PutRecord(ctx, reportedKind, string(report.By)+"/"+report.ID, 0, value)
	if err != nil && !errors.Is(err, ErrConflict) {
		return Report{}, err
	}
	if err := s.forgetRecords(ctx, reportKind, report.ID); err != nil {
		return Report{}, err
	}
	s.Bell.Signal(ctx, Signal{Stream: ServerStream, Kind: ReportsChanged})
	return report, nil
}

// pruneReports forgets what was closed long ago.
func (s *Service) pruneReports(ctx context.Context) error {
	return s.eachRecord(ctx, reportedKind, func(r Record) error {
		report, err := readReport(r)
		if err != nil || s.now().Sub(report.ClosedAt) < reportsFor {
			return err
		}
		return s.forgetRecords(ctx, reportedKind, r.ID)
	})
}
