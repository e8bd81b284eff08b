package chat

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// pushKind is the kind of record of a device that receives pushes, with the
	// id "<person>/<session>".
	pushKind = "push"
	// maxPushDevices is how many devices of one person receive pushes.
	maxPushDevices = 20
)

// pushTests limits how often a person has a test sent.
var pushTests = Rate{Limit: 10, Window: time.Minute}

// PushDevice is a browser that is notified by Web Push. It belongs to the
// log-in there, and ends with it.
type PushDevice struct {
	ID        SessionID `json:"id" doc:"Id: that of the log-in"`
	Agent     string    `json:"agent,omitempty" doc:"User-Agent of the log-in"`
	Service   string    `json:"service" doc:"Host of the browser's push service"`
	CreatedAt time.Time `json:"created_at" doc:"Since when"`
	SentAt    time.Time `json:"sent_at,omitzero" doc:"When its push service last accepted a notification"`
	Error     string    `json:"error,omitempty" doc:"Why the last attempt failed; empty if it did not"`
	Current   bool      `json:"current,omitempty" doc:"Whether this is the device of the request"`
}

// StoredPush is a device with its keys and what waits for it.
type StoredPush struct {
	PushDevice
	User     UserID `json:"user"`
	Endpoint string `json:"endpoint"`
	P256dh   string `json:"p256dh"`
	Auth     string `json:"auth"`

	Position Position    `json:"position"`          // in the person's stream
	Waiting  []PushJob   `json:"waiting,omitempty"` // oldest first
	Ended    []PushTrace `json:"ended,omitempty"`   // oldest first, of the last day
	Attempts int         `json:"attempts,omitempty"`
	NextAt   time.Time   `json:"next_at,omitzero"` // not before, as an attempt failed
}

// PushInput is a subscription as a browser's PushSubscription says it.
type PushInput struct {
	Endpoint string `json:"endpoint" doc:"Address at the browser's push service, https"`
	P256dh   string `json:"p256dh" doc:"The browser's public key, base64url"`
	Auth     string `json:"auth" doc:"The browser's secret, base64url"`
}

// PushDeviceInput names a device.
type PushDeviceInput struct {
	Device SessionID `json:"device" doc:"Id of the device"`
}

// PushOutput is what a client needs to subscribe, and the caller's devices.
type PushOutput struct {
	Key     string       `json:"key,omitempty" doc:"The server's public key, base64url, to subscribe with; empty where Web Push is off"`
	Content bool         `json:"content" doc:"Whether the server puts texts and names of rooms into notifications"`
	Devices []PushDevice `json:"devices" doc:"Your devices that are notified, oldest first"`
}

func pushID(user UserID, device SessionID) string { return string(user) + "/" + string(device) }

// PushKey returns the key pair with which the server identifies itself to push
// services, base64url. It is made once, and is the same on all nodes.
func (s *Service) PushKey(ctx context.Context) (private, public string, err error) {
	for {
		r, err := s.Store.Record(ctx, serverKind, "vapid")
		if err == nil {
			raw, err := base64.RawURLEncoding.DecodeString(string(r.Value))
			if err != nil {
				return "", "", fmt.Errorf("the key for push services: %w", err)
			}
			key, err := ecdh.P256().NewPrivateKey(raw)
			if err != nil {
				return "", "", fmt.Errorf("the key for push services: %w", err)
			}
			return string(r.Value), base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), nil
		}
		if !errors.Is(err, ErrNotFound) {
			return "", "", err
		}
		key, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			return "", "", err
		}
		value := base64.RawURLEncoding.EncodeToString(key.Bytes())
		if _, err := s.Store.PutRecord(ctx, serverKind, "vapid", 0, []byte(value)); err != nil &&
			!errors.Is(err, ErrConflict) {
			return "", "", err
		}
	}
}

// GetPush returns the caller's devices and the server's key.
func (s *Service) GetPush(ctx context.Context, who Caller, _ None) (PushOutput, error) {
	out := PushOutput{Content: !s.PushWithoutContent, Devices: []PushDevice{}}
	if s.Push == nil {
		return out, nil
	}
	var err error
	if _, out.Key, err = s.PushKey(ctx); err != nil {
		return PushOutput{}, err
	}
	all, err := s.pushDevices(ctx, who.User.ID)
	for _, d := range all {
		d.Current = d.ID == who.Session
		out.Devices = append(out.Devices, d.PushDevice)
	}
	return out, err
}

// pushDevices returns a person's devices, oldest first, and forgets those whose
// log-in is over.
func (s *Service) pushDevices(ctx context.Context, user UserID) ([]StoredPush, error) {
	var all []StoredPush
	for r, err := range s.prefixed(ctx, pushKind, pushID(user, "")) {
		if err != nil {
			return nil, err
		}
		d, err := readPush(r)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, nil
	}
	sessions, err := s.Store.Sessions(ctx, user)
	if err != nil {
		return nil, err
	}
	living := all[:0]
	for _, d := range all {
		if s.lives(sessions, d.ID) {
			living = append(living, d)
		} else if err := s.forgetRecords(ctx, pushKind, pushID(user, d.ID)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(living, func(a, b StoredPush) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return living, nil
}

func (s *Service) lives(sessions []Session, id SessionID) bool {
	return slices.ContainsFunc(sessions, func(x Session) bool {
		return x.ID == id && s.now().Before(x.ExpiresAt)
	})
}

// SubscribePush has the caller's device notified by Web Push. Another
// subscription of the same device is replaced. Where a person has too many
// devices, the oldest makes room.
func (s *Service) SubscribePush(ctx context.Context, who Caller, in PushInput) (PushDevice, error) {
	if s.Push == nil {
		return PushDevice{}, errNoPush
	}
	host, err := judgeEndpoint(in)
	if err != nil {
		return PushDevice{}, err
	}
	if err := s.limit(ctx, "push:"+string(who.User.ID), s.Limits.Profiles); err != nil {
		return PushDevice{}, err
	}
	all, err := s.pushDevices(ctx, who.User.ID)
	if err != nil {
		return PushDevice{}, err
	}
	others := slices.DeleteFunc(slices.Clone(all), func(d StoredPush) bool { return d.ID == who.Session })
	for i := range len(others) - maxPushDevices + 1 {
		if err := s.forgetRecords(ctx, pushKind, pushID(who.User.ID, others[i].ID)); err != nil {
			return PushDevice{}, err
		}
	}
	sessions, err := s.Store.Sessions(ctx, who.User.ID)
	if err != nil {
		return PushDevice{}, err
	}
	i := slices.IndexFunc(sessions, func(x Session) bool { return x.ID == who.Session })
	if i < 0 {
		return PushDevice{}, ErrUnauthenticated
	}
	heads, err := s.Store.Heads(ctx, UserStream(who.User.ID))
	if err != nil {
		return PushDevice{}, err
	}
	fresh := StoredPush{User: who.User.ID, Endpoint: in.Endpoint, P256dh: in.P256dh, Auth: in.Auth,
		Position: heads[0].Position, PushDevice: PushDevice{ID: who.Session, Agent: sessions[i].Agent,
			Service: host, CreatedAt: s.now()}}
	d, err := s.ChangePush(ctx, who.User.ID, who.Session, func(d *StoredPush) {
		if d.Endpoint != in.Endpoint || d.P256dh != in.P256dh || d.Auth != in.Auth {
			*d = fresh
		}
	})
	if errors.Is(err, ErrNotFound) {
		d = fresh
		value, jsonErr := json.Marshal(d)
		if jsonErr != nil {
			return PushDevice{}, jsonErr
		}
		_, err = s.Store.PutRecord(ctx, pushKind, pushID(d.User, d.ID), 0, value)
	}
	if err != nil {
		return PushDevice{}, err
	}
	if s.PushChanged != nil {
		s.PushChanged()
	}
	d.Current = true
	return d.PushDevice, nil
}

var errNoPush = &Error{Code: CodeForbidden, Message: "Push notifications are off on this server."}

// judgeEndpoint checks a subscription and returns the host of its push service.
// The address that the host has is judged when connecting.
func judgeEndpoint(in PushInput) (host string, err error) {
	u, err := url.Parse(in.Endpoint)
	if err != nil || len(in.Endpoint) > maxURL || u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return "", invalid("endpoint", "The endpoint must be an https address of at most %d bytes.", maxURL)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.Zone() != "" {
		return "", invalid("endpoint", "The endpoint must be an address of a push service.")
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(in.P256dh, "="))
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(key)
	}
	if err != nil {
		return "", invalid("p256dh", "The key must be a public key on the curve P-256, in base64url.")
	}
	if auth, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(in.Auth, "=")); err != nil ||
		len(auth) != 16 {
		return "", invalid("auth", "The secret must be 16 bytes, in base64url.")
	}
	return strings.ToLower(u.Hostname()), nil
}

// UnsubscribePush ends the notifications of one of the caller's devices.
func (s *Service) UnsubscribePush(ctx context.Context, who Caller, in PushDeviceInput) (None, error) {
	if strings.Contains(string(in.Device), "/") || in.Device == "" {
		return None{}, ErrNotFound
	}
	return None{}, s.Store.DeleteRecord(ctx, pushKind, pushID(who.User.ID, in.Device))
}

// TestPush sends a test to one of the caller's devices, and returns when its
// push service has accepted it.
func (s *Service) TestPush(ctx context.Context, who Caller, in PushDeviceInput) (None, error) {
	if s.Push == nil {
		return None{}, errNoPush
	}
	if err := s.limit(ctx, "push-test:"+string(who.User.ID), pushTests); err != nil {
		return None{}, err
	}
	d, err := s.OnePush(ctx, who.User.ID, in.Device)
	if err != nil {
		return None{}, err
	}
	err = s.Push(ctx, d, PushMessage{Test: true})
	if failure, ok := errors.AsType[*DeliveryError](err); ok {
		if failure.Gone {
			if err := s.ForgetPush(ctx, d.User, d.ID); err != nil {
				return None{}, err
			}
		}
		return None{}, &Error{Code: CodeConflict, Message: "The test could not be sent: " + failure.Reason + "."}
	}
	return None{}, err
}

// onePush is OnePush, with the version of the record.
func (s *Service) onePush(ctx context.Context, user UserID, device SessionID) (StoredPush, int64, error) {
	if device == "" || strings.Contains(string(device), "/") {
		return StoredPush{}, 0, ErrNotFound
	}
	r, err := s.Store.Record(ctx, pushKind, pushID(user, device))
	if err != nil {
		return StoredPush{}, 0, err
	}
	d, err := readPush(r)
	return d, r.Version, err
}

// OnePush returns a device; ErrNotFound if it is not notified any more.
func (s *Service) OnePush(ctx context.Context, user UserID, device SessionID) (StoredPush, error) {
	d, _, err := s.onePush(ctx, user, device)
	return d, err
}

func readPush(r Record) (StoredPush, error) {
	var d StoredPush
	if err := json.Unmarshal(r.Value, &d); err != nil {
		return StoredPush{}, fmt.Errorf("push device %s: %w", r.ID, err)
	}
	return d, nil
}

// ChangePush applies a change to a device and retries on conflicts. ErrNotFound
// if it is not notified any more.
func (s *Service) ChangePush(ctx context.Context, user UserID, device SessionID,
	change func(*StoredPush)) (StoredPush, error) {
	for {
		d, version, err := s.onePush(ctx, user, device)
		if err != nil {
			return StoredPush{}, err
		}
		change(&d)
		value, err := json.Marshal(d)
		if err != nil {
			return StoredPush{}, err
		}
		if _, err = s.Store.PutRecord(ctx, pushKind, pushID(user, device), version,
			value); !errors.Is(err, ErrConflict) {
			return d, err
		}
	}
}

// ForgetPush ends the notifications of a device.
func (s *Service) ForgetPush(ctx context.Context, user UserID, device SessionID) error {
	return s.forgetRecords(ctx, pushKind, pushID(user, device))
}

// AllPush returns up to a page of all devices, and the id to go on after; empty
// at the end.
func (s *Service) AllPush(ctx context.Context, after string) (page []StoredPush, next string, err error) {
	records, err := s.Store.Records(ctx, pushKind, after, s.Limits.PageMax)
	if err != nil || len(records) == 0 {
		return nil, "", err
	}
	for _, r := range records {
		d, err := readPush(r)
		if err != nil {
			return nil, "", err
		}
		page = append(page, d)
	}
	return page, records[len(records)-1].ID, nil
}
