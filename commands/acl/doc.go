// Package acl is Redis's rules about users: their language, what a user made of
// them may do, and the text in which users are shown and kept.
//
// A [Language] is what rules are read with: the commands and categories that
// they may name. A [User] is a value that never changes; [User.With] makes
// another one, all rules of a call or none. [User.Check] judges a [Call]. [Log]
// keeps what was refused. [ReadFile] and [User.String] are the file of users.
//
// The package depends on its arguments alone: it has no clock, file, lock or
// connection, and knows nothing of how commands are answered, so that the
// dispatcher of commands, an HTTP server and a test ask the same question. Who
// holds the users of a node, changes them one call at a time and closes the
// connections of those who lost something is package commands.
//
// No library is used. Those for Go that speak of ACLs are clients, which pass
// rules on as text, or general engines of policies with a language of their own;
// what is asked for here is Redis's language with its corners, byte for byte.
//
// The corners worth knowing before changing anything:
//
//   - Rules about commands are kept as they were given, in their order, and shown
//     so (Redis 7.2; Redis 7.0 showed another list that meant the same). A later
//     rule about a command replaces the earlier ones about it and its
//     subcommands, see [commandRules].
//   - A category that a container is in reaches all of its subcommands, whatever
//     categories they are in themselves.
//   - Besides its own permissions, the root, a user may have selectors: further
//     sets, each of which is enough for a call that it permits as a whole.
//   - There are no keys in a sentinel. Patterns of keys are read, kept and shown,
//     because files are shared with servers, and permit or refuse nothing.
package acl
