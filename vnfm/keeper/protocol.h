// SPDX-License-Identifier: BSD-3-Clause
// catenad <-> catena-keeper, messages by cat_msg.h. The keeper holds descriptors by name ("SERVICE/region",
// "SERVICE/dataplane/control", ...) for as long as it lives, and knows nothing else of them. One manager is connected
// at a time; a new connection ends the one before.
//
// catenad -> keeper:
//   keep   {names: [...]} with as many descriptors: a name that is there gets the new one. Not answered
//   drop   {prefix}   closes all whose name begins so; answered with "dropped"
//   give   {prefix}   answered with any number of "fds" messages and then "given"
//   end    {}         closes everything and exits
// keeper -> catenad:
//   fds     {names: [...]} with copies of as many descriptors
//   given   {count}
//   dropped {count}
//   error   {message}  the message before was not understood
#ifndef KEEPER_PROTOCOL_H
#define KEEPER_PROTOCOL_H

#define KEEPER_SOCKET ".keeper" // in the run directory
#define KEEPER_LISTEN_FD 3

#endif
