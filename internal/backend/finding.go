package backend

// Level says how serious a finding is.
type Level int

const (
	OK      Level = iota
	Note          // worth knowing
	Warning       // can lose data, or stop the chat
	Refusal       // does not work, or must lose data: a server does not start
)

func (l Level) String() string { return [...]string{"ok", "note", "warning", "refusal"}[l] }

// Finding is one thing that a doctor examined.
type Finding struct {
	Level Level
	Where string // address of the server; empty if it concerns no single one
	About string // one word or two: "eviction"
	Is    string // what is so
	Risk  string // what it can cost; may be empty
	Mend  string // what mends it; may be empty
}

// String is the finding in one line.
func (f Finding) String() string {
	s := f.About
	if f.Where != "" {
		s += " at " + f.Where
	}
	s += ": " + f.Is
	if f.Risk != "" {
		s += "; " + f.Risk
	}
	if f.Mend != "" {
		s += ". To mend it: " + f.Mend
	}
	return s
}
