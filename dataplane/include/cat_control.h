// SPDX-License-Identifier: BSD-3-Clause
// The control protocols: catenad <-> dataplane, and dataplane <-> VNF. Messages by cat_msg.h, each a JSON map with
// "type". Unknown types are answered with an "error" and change nothing.
//
// catenad -> dataplane, on descriptor CAT_CONTROL_FD (a socket pair):
//   fds        {names: [...]} with as many descriptors. Collected until "open". Names:
//                region                          the packet memory
//                stats                           the dataplane's statistics page
//                function/F/listen               listening unix socket, bind mounted into F's container
//                function/F/state                F's state memory (all lanes)
//                function/F/stats                F's statistics page
//                function/F/lane/N/worker        worker page
//                function/F/lane/N/return        ring, F produces
//                function/F/lane/N/supply        ring, the dataplane produces
//                path/P/link/I/lane/N/right      ring of the I-th link, packets towards the right
//                path/P/link/I/lane/N/left       the other direction
//   open       {} with one descriptor: a sealed memfd holding the plan (docs/plan.md)
//   configure  {function} with one descriptor: a sealed memfd holding F's configuration as JSON
//   expect     {function, uid}      who may connect to F's socket from now on (SO_PEERCRED)
//   drain      {}                   stop receiving, let what is under way leave, then "drained"
//   measure    {length_ms, settle_ms?, ports: [{port, rate, count}]}   one trial: generator ports that have sequence
//   numbers
//              send `count` packets at `rate` a second (0: as fast as they are taken), nothing after length_ms;
//              "measured" comes settle_ms later. A port with count 0 only accounts for what it receives.
//   report     {}                   say again who runs ("function", "running"): for a manager that takes over
//   scale      {lanes: [cpu...]}    the core of every lane from now on; then "scaled"
//   audit      {}                   count all buffers, then "audited"
//   close      {}                   end; the dataplane exits with 0
// dataplane -> catenad:
//   opened     {adopted}            or "failed" {message}. adopted: buffers that were under way already
//   function   {function, event: attached|running|configured|rejected|lost|violation, message?, pointer?, pid?}
//   running    {}                   every function of every path runs; ports receive
//   drained    {left}               buffers still with VNFs
//   audited    {buffers, free, under_way, leaked, duplicated, still}
//                                   free: at most 10 ms old, without those that ports hold. under_way: given to VNFs;
//                                   leaked: of these, in no ring; duplicated: in two. Only where still is true did no
//                                   ring move meanwhile; else ask again, after "drain" for certain.
//   measured   {ports: [{port, sent, received, duplicates, reordered, foreign, latency: {count, sum_ns, max_ns,
//   buckets:
//              [index, number, ...]}}]}, buckets by cat_histogram.h; or {message}: why there was no trial
//   scaled     {us} or {message}    every worker of every lane is where it was told to be, after so long
//   error      {message}
//
// VNF -> dataplane, on CAT_CONTROL_PATH in its container:
//   hello      {abi, kind, pid}
//   running    {}                   after attach and configuration
//   configured {}                   a later configuration is in force
//   moved      {}                   the answer to "move"
//   rejected   {message, pointer?}  the configuration was not taken; the old one stays in force
// dataplane -> VNF:
//   attach     {function, lanes: [cpu...], ring, supply_ring, buffers, stride, latency, poll, burst, names: [...]}
//              with descriptors named as:
//                region, state, stats, config, lane/N/worker, lane/N/return, lane/N/supply,
//                lane/N/left/in, lane/N/left/out, lane/N/right/in, lane/N/right/out
//              More than CAT_MSG_FDS_MAX descriptors come in "fds" messages before it.
//   configure  {} with the configuration's memfd
//   move       {lanes: [cpu...]}    the workers go to these cores, with all that they have, and then "moved"
//   stop       {}                   finish the burst under way, exit with 0
//
// A dataplane that died is replaced without the VNFs: catenad starts another and tells it the same as the first ("fds"
// with the same memory and the same listening sockets, "open", "configure", "expect"). It finds out by the rings which
// buffers are under way, takes the others as free, and opens the ports anew. The VNFs, whose workers went on until
// their rings were empty or full, connect again within milliseconds, say "hello", are sent the "attach" that they know
// (other memory than before would make them end), and say "running". A VNF that died meanwhile is simply not there.
#ifndef CAT_CONTROL_H
#define CAT_CONTROL_H

#include <stdint.h>
#include <string.h>

#define CAT_CONTROL_FD 3
#define CAT_CONTROL_PATH "/run/catena/control.sock"
#define CAT_CONFIG_SIZE_MAX (32u << 20)
#define CAT_FUNCTIONS_MAX 64u // in a service
#define CAT_PORTS_MAX 16u
#define CAT_PATHS_MAX 32u
#define CAT_STRIDE_MAX 16384u

// How long a worker stays with one source of packets that keeps giving full bursts, by the plan's `latency`, before it
// looks at its other sources and gives the core to the next process. A switch of processes costs as much as several
// hundred packets do; everybody else's packets wait meanwhile.
static inline uint32_t cat_round_us(const char *latency)
{
	if (strcmp(latency, "low") == 0)
		return 10;
	return strcmp(latency, "throughput") == 0 ? 250 : 50;
}

#endif
