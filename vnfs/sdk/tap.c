// SPDX-License-Identifier: BSD-3-Clause
// Taps: frames that workers punt are written to them, frames that the kernel sends go to lane 0.
//
// A worker may not touch a descriptor, and the control thread waits in epoll, which a ring cannot wake. So punt threads
// stand between them: each sleeps on the rings of up to PUNT_LANES lanes and writes what comes.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cat_control.h"
#include "cat_log.h"
#include "netlink.h"
#include "process.h"

#define PUNT_LANES 8u
#define PUNT_SLEEP_US 200000u
#define READ_BURST 64 // frames from a tap before other events get their turn
#define LOOPBACK_INDEX 1

struct punt_thread {
	pthread_t thread;
	struct cat_vnf *vnf;
	uint32_t first, count; // lanes
};

static uint32_t forward(struct cat_vnf *vnf, struct punt_queue *queue)
{
	uint32_t n = 0, length;
	unsigned channel;
	for (const uint8_t *frame; (frame = punt_queue_peek(queue, &channel, &length)); n++) {
		pthread_mutex_lock(&vnf->tap_lock);
		int fd = channel < CAT_CHANNELS_MAX ? vnf->taps[channel].fd : -1;
		// What the kernel does not take is lost, as on any wire.
		if (fd >= 0 && write(fd, frame, length) < 0)
			cat_debug("channel %u: %s", channel, strerror(errno));
		pthread_mutex_unlock(&vnf->tap_lock);
		punt_queue_drop(queue);
	}
	return n;
}

static void *punt_main(void *user)
{
	struct punt_thread *self = user;
	struct cat_vnf *vnf = self->vnf;
	struct cat_ring_end *ends[PUNT_LANES];
	struct punt_queue *queues[PUNT_LANES];
	for (uint32_t i = 0; i < self->count; i++) {
		queues[i] = &((struct punt *)vnf->workers[self->first + i].engine.lane.punt)->out;
		ends[i] = &queues[i]->consumer;
	}
	while (!atomic_load_explicit(&vnf->punt_stop, memory_order_relaxed)) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < self->count; i++)
			n += forward(vnf, queues[i]);
		if (!n)
			cat_ring_sleep(ends, self->count, PUNT_SLEEP_US);
	}
	return NULL;
}

static void punt_threads_stop(struct cat_vnf *vnf)
{
	atomic_store(&vnf->punt_stop, true);
	for (uint32_t i = 0; i < vnf->punt_thread_count; i++) {
		struct punt_thread *thread = &vnf->punt_threads[i];
		for (uint32_t j = 0; j < thread->count; j++)
			cat_ring_wake_slow(((struct punt *)vnf->workers[thread->first + j].engine.lane.punt)->out.ring);
		pthread_join(thread->thread, NULL);
	}
	free(vnf->punt_threads);
	vnf->punt_threads = NULL;
	vnf->punt_thread_count = 0;
}

static int punt_threads_start(struct cat_vnf *vnf, struct cat_err *err)
{
	if (vnf->punt_threads)
		return 0;
	uint32_t lanes = vnf->attachment.lanes, count = (lanes + PUNT_LANES - 1) / PUNT_LANES;
	atomic_store(&vnf->punt_stop, false);
	vnf->punt_threads = calloc(count, sizeof(*vnf->punt_threads));
	if (!vnf->punt_threads)
		return cat_err_set(err, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < count; i++) {
		struct punt_thread *thread = &vnf->punt_threads[i];
		thread->vnf = vnf;
		thread->first = i * PUNT_LANES;
		thread->count = lanes - thread->first < PUNT_LANES ? lanes - thread->first : PUNT_LANES;
		int number = pthread_create(&thread->thread, NULL, punt_main, thread);
		if (number) {
			punt_threads_stop(vnf);
			return cat_err_set(err, -number, "a thread for punted frames: %s", strerror(number));
		}
		pthread_setname_np(thread->thread, "punt");
		vnf->punt_thread_count++;
	}
	return 0;
}

static void on_tap(void *user, int fd, uint32_t events)
{
	struct tap *tap = user;
	(void)events;
	uint8_t frame[CAT_STRIDE_MAX];
	struct punt *punt = tap->vnf->workers[0].engine.lane.punt;
	for (int i = 0; i < READ_BURST; i++) {
		ssize_t n = read(fd, frame, sizeof(frame));
		if (n <= 0)
			return;
		// A full queue drops, as a full transmit queue would.
		punt_queue_put(&punt->in, tap->channel, frame, (uint32_t)n);
	}
}

static int open_tap(const char *name, int *ret_fd, uint32_t *ret_index, struct cat_err *err)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	if (strlen(name) >= sizeof(request.ifr_name))
		return cat_err_set(err, -EINVAL, "tap %s: a name has at most %zu characters", name,
				   sizeof(request.ifr_name) - 1);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	cat_autofd int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return cat_err_errno(err, "tap %s", name);
	*ret_index = if_nametoindex(name);
	if (!*ret_index)
		return cat_err_errno(err, "tap %s", name);
	*ret_fd = cat_steal_fd(fd);
	return 0;
}

static int set_up(uint32_t index, const struct cat_tap_options *options, struct cat_err *err)
{
	struct mnl_socket *netlink;
	int result = netlink_open(&netlink, err);
	if (result < 0)
		return result;
	result = netlink_link_up(netlink, LOOPBACK_INDEX, NULL, 0, err);
	if (result == 0)
		result = netlink_link_up(netlink, index, &options->mac, options->mtu ? options->mtu : 1500, err);
	for (size_t i = 0; i < options->address_count && result == 0; i++)
		result = netlink_address_add(netlink, index, &options->addresses[i], err);
	if (result == 0 && options->gateway4.family)
		result = netlink_default_route_add(netlink, index, &options->gateway4, err);
	if (result == 0 && options->gateway6.family)
		result = netlink_default_route_add(netlink, index, &options->gateway6, err);
	netlink_close(netlink);
	return result;
}

int cat_tap_create(struct cat_vnf *vnf, unsigned channel, const struct cat_tap_options *options, struct cat_err *err)
{
	if (channel >= CAT_CHANNELS_MAX || vnf->taps[channel].fd >= 0)
		return cat_err_set(err, -EINVAL, "tap %s: channel %u is taken, or not below %u", options->name, channel,
				   CAT_CHANNELS_MAX);
	cat_autofd int fd = -1;
	uint32_t index = 0;
	int result = open_tap(options->name, &fd, &index, err);
	if (result < 0)
		return result;
	result = set_up(index, options, err);
	if (result < 0) {
		cat_err_wrap(err, "tap %s", options->name);
		return result;
	}
	result = punt_threads_start(vnf, err);
	if (result < 0)
		return result;
	struct tap *tap = &vnf->taps[channel];
	tap->vnf = vnf;
	tap->channel = channel;
	tap->source = cat_loop_add_fd(vnf->loop, fd, EPOLLIN, on_tap, tap, err);
	if (!tap->source)
		return err ? err->code : -ENOMEM;
	pthread_mutex_lock(&vnf->tap_lock);
	tap->fd = cat_steal_fd(fd);
	pthread_mutex_unlock(&vnf->tap_lock);
	return 0;
}

void cat_tap_destroy(struct cat_vnf *vnf, unsigned channel)
{
	if (channel >= CAT_CHANNELS_MAX || vnf->taps[channel].fd < 0)
		return;
	struct tap *tap = &vnf->taps[channel];
	cat_source_remove(tap->source);
	pthread_mutex_lock(&vnf->tap_lock);
	close(tap->fd);
	tap->fd = -1;
	pthread_mutex_unlock(&vnf->tap_lock);
}

void taps_close(struct cat_vnf *vnf)
{
	for (unsigned i = 0; i < CAT_CHANNELS_MAX; i++)
		cat_tap_destroy(vnf, i);
	punt_threads_stop(vnf);
}
