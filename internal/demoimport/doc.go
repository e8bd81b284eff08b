// Package demoimport brings people, rooms and messages of the well-known Redis
// chat demo for Node.js into a Parley.
//
// It reads the demo's own keys and writes to any store. Each person, room and
// message gets an id that follows from the demo's, so that running it again
// adds what is new and changes nothing else, also after it was stopped half
// way. No one comes back into a room that they have left, and no message that
// was edited or deleted.
//
//	total_users              how many people were made
//	user:<n>                 hash: username, password (bcrypt)
//	username:<name>          "user:<n>"
//	user:<n>:rooms           set of room ids
//	room:<id>:name           name of a room that is no pair's
//	room:<id>                sorted set by unix time: {"from","date","message","roomId"} each
//
// Room "0" becomes General, and "<n>:<m>" the room of the two. Passwords stay
// bcrypt's until their owners log in.
package demoimport
