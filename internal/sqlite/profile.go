package sqlite

import (
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// profile is the column profile: fields that most people leave empty.
type profile struct {
	Status        chat.Status `json:"status,omitzero"`
	QuietUntil    time.Time   `json:"quiet_until,omitzero"`
	About         string      `json:"about,omitempty"`
	Title         string      `json:"title,omitempty"`
	TimeZone      string      `json:"time_zone,omitempty"`
	Phone         string      `json:"phone,omitempty"`
	FormerName    string      `json:"former_name,omitempty"`
	Picture       string      `json:"picture,omitempty"`
	HidesReads    bool        `json:"hides_reads,omitempty"`
	HidesPresence bool        `json:"hides_presence,omitempty"`
	DisabledUntil time.Time   `json:"disabled_until,omitzero"`
}

// profileOf returns the column profile of a person, "" if all fields are empty.
func profileOf(u *chat.User) (string, error) {
	p := profile{u.Status, u.QuietUntil, u.About, u.Title, u.TimeZone, u.Phone, u.FormerName, u.Picture,
		u.HidesReads, u.HidesPresence, u.DisabledUntil}
	if p == (profile{}) {
		return "", nil
	}
	b, err := json.Marshal(p)
	return string(b), err
}

// readProfile sets the fields of the column profile. If the column is damaged
// its fields are lost, and a temporarily disabled person stays disabled.
func readProfile(column string, u *chat.User) {
	var p profile
	if column == "" || json.Unmarshal([]byte(column), &p) != nil {
		return
	}
	u.Status, u.QuietUntil, u.About, u.Title, u.TimeZone, u.Phone = p.Status, p.QuietUntil, p.About,
		p.Title, p.TimeZone, p.Phone
	u.FormerName, u.Picture, u.HidesReads, u.HidesPresence = p.FormerName, p.Picture, p.HidesReads,
		p.HidesPresence
	u.DisabledUntil = p.DisabledUntil
}
