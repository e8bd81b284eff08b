package socketio_test

import "testing"

// TestConnectAgain has clients send CONNECT for a namespace that they are
// connected to: they are told so, and nothing else happens.
func TestConnectAgain(t *testing.T) {
	opt := patient()
	opt.MaxNamespaces = 3
	f := serve(t, newSuiteServer(opt))
	for _, namespace := range []string{"/", "/custom"} {
		head := "40"
		if namespace != "/" {
			head += namespace + ","
		}
		s, id := f.connect(namespace, `{"token":"1"}`)
		s.Next() // its auth
		for range 3 {
			if again := f.join(s, namespace, `{"token":"2"}`); again != id {
				t.Errorf("connected to %s as %s, and again as %s", namespace, id, again)
			}
		}
		s.Send(head)
		s.ExpectClose() // too often
	}
	s, _ := f.connect("/", "")
	s.Expect(`42["auth",{}]`)
	f.join(s, "/", "")
	s.Send(`42["message",1]`)
	s.Expect(`42["message-back",1]`)
}
