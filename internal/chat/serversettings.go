package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// settingsID is the id of the record, of the kind of the server's own, of what
// the owner has set.
const settingsID = "settings"

// serverSettings is what the owner has set; what is empty is as the server was
// started.
type serverSettings struct {
	Name      string `json:"name,omitempty"`
	HideReads bool   `json:"hide_reads,omitempty"`

	Rights map[Right]Role `json:"rights,omitempty"`
	// What was there before Rights.
	MemberInvites bool `json:"member_invites,omitempty"`
	MemberEmoji   bool `json:"member_emoji,omitempty"`

	SecondFactor FactorDemand `json:"second_factor,omitempty"`
}

// UpdateServerInput changes the server. What is not given stays.
type UpdateServerInput struct {
	Name         *string `json:"name,omitempty" doc:"Name of the server or team, as everyone sees it; empty for the one that it was started with"`
	ReadReceipts *bool   `json:"read_receipts,omitempty" doc:"People see who has read a message, see read.list; on by default"`

	Rights map[Right]Role `json:"rights,omitempty" doc:"The lowest role that has a right, by right, see server.info"`

	SecondFactor *FactorDemand `json:"second_factor,omitempty" enum:",admins,members,everyone" doc:"Who needs a second factor at their next log-in; empty for nobody"`
}

func (s *Service) settings(ctx context.Context) (set serverSettings, version int64, err error) {
	r, err := s.Store.Record(ctx, serverKind, settingsID)
	if errors.Is(err, ErrNotFound) {
		return set, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &set)
	}
	for right, on := range map[Right]*bool{RightInvite: &set.MemberInvites, RightEmoji: &set.MemberEmoji} {
		if !*on {
			continue
		}
		if *on = false; set.Rights == nil {
			set.Rights = map[Right]Role{}
		}
		set.Rights[right] = RoleMember
	}
	return set, r.Version, err
}

// UpdateServer changes what the owners of a server set.
func (s *Service) UpdateServer(ctx context.Context, who Caller, in UpdateServerInput) (ServerInfo, error) {
	if !who.User.Role.mayAlways(RightServer) {
		return ServerInfo{}, ErrForbidden
	}
	set, version, err := s.settings(ctx)
	if err != nil {
		return ServerInfo{}, err
	}
	var what []string
	if in.Name != nil {
		if set.Name, err = line("name", *in.Name, 0, s.Limits.Name); err != nil {
			return ServerInfo{}, err
		}
		what = append(what, "name")
	}
	given, err := set.give(in.Rights)
	if err != nil {
		return ServerInfo{}, err
	}
	what = append(what, given...)
	if in.ReadReceipts != nil {
		set.HideReads = !*in.ReadReceipts
		what = append(what, fmt.Sprintf("read_receipts %t", *in.ReadReceipts))
	}
	if in.SecondFactor != nil {
		if _, some := demandFrom[*in.SecondFactor]; !some && *in.SecondFactor != DemandNone {
			return ServerInfo{}, invalid("second_factor", "It must be admins, members, everyone, or empty for nobody.")
		}
		set.SecondFactor = *in.SecondFactor
		what = append(what, fmt.Sprintf("second_factor %q", set.SecondFactor))
	}
	value, err := json.Marshal(set)
	if err != nil {
		return ServerInfo{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "server.update", Detail: strings.Join(what, ", ")}); err != nil {
		return ServerInfo{}, err
	}
	if version, err = s.Store.PutRecord(ctx, serverKind, settingsID, version, value); err != nil {
		return ServerInfo{}, err
	}
	s.Bell.Signal(ctx, Signal{Stream: ServerStream, Kind: ServerChanged, Version: version})
	return s.Info(ctx, who, None{})
}
