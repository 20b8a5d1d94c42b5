// SPDX-License-Identifier: BSD-3-Clause
// The service file (docs/service-file.md): parsed, completely checked, and compared.
#ifndef CAT_SERVICE_H
#define CAT_SERVICE_H

#include <stdint.h>

#include "cat_addr.h"
#include "cat_schema.h"

enum cat_port_driver {
	CAT_PORT_VETH,  // "veth:IFNAME"   any kernel interface, by AF_PACKET; the operator's own
	CAT_PORT_TAP,   // "tap:IFNAME"    a tap that is made and removed
	CAT_PORT_MEMIF, // "memif:PATH[,server]"
	CAT_PORT_VHOST, // "vhost:PATH[,client]"
	CAT_PORT_PCAP,  // "pcap:RX-FILE[,TX-FILE]"
	CAT_PORT_PCI,   // "pci:BDF"
	CAT_PORT_VF,    // "vf:PF-NAME"    any free virtual function of a NIC; in a plan it is a `pci`
	CAT_PORT_GEN,   // "gen:"          generator and sink (bench); options in `gen`
	CAT_PORT_NULL,  // "null:"         swallows, gives nothing
	CAT_PORT_DRIVERS
};
extern const char *const cat_port_driver_names[CAT_PORT_DRIVERS];

struct cat_service; // opaque; read through the tree it was made from and the accessors below

// Where schemas of VNF kinds are found: DIR/KIND/schema.json and DIR/KIND/vnfd.yaml (memory, state, capabilities,
// daemons).
struct cat_kinds;
struct cat_kinds *cat_kinds_load(const char *const *directories, struct cat_err *err); // NULL-terminated list
void cat_kinds_free(struct cat_kinds *kinds);
// The descriptor (vnfd.yaml) or schema of a kind; NULL: unknown kind. Borrowed.
const struct cat_node *cat_kinds_descriptor(const struct cat_kinds *kinds, const char *kind);
const struct cat_node *cat_kinds_schema(const struct cat_kinds *kinds, const char *kind);
// Names of all kinds, NULL-terminated, sorted. Borrowed.
const char *const *cat_kinds_names(const struct cat_kinds *kinds);

// Parses and checks the text of a service file. All problems are reported at once; *ret_service is set only when there
// are none. Returns 0, -EINVAL (problems say what), -ENOMEM.
int cat_service_parse(const char *name, const char *text, size_t size, const struct cat_kinds *kinds,
		      struct cat_service **ret_service, struct cat_problems *problems, struct cat_err *err);
void cat_service_free(struct cat_service *service);

const char *cat_service_name(const struct cat_service *service);
// The checked tree with defaults filled in and shorthand expanded (`path:` becomes `paths: {main: {hops: [...]}}`).
const struct cat_node *cat_service_tree(const struct cat_service *service);
// The tree as written, for error places.
const struct cat_node *cat_service_source(const struct cat_service *service);

// What an `up` of `to` over a running `from` has to do. A map: {"unchanged": bool, "restart": bool (ports, lanes,
// region or paths differ: everything is made again), "configure": [names], "replace": [names], "add": [names],
// "remove": [names]}, and where only the lanes' cores change (`scaling`) "scale": true. NULL: no memory.
struct cat_node *cat_service_diff(const struct cat_service *from, const struct cat_service *to);

#endif
