// SPDX-License-Identifier: BSD-3-Clause
#include "fake_kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"

#define DEVICES "sys/devices/pci0000:80"

const char *fake_vf(unsigned vf)
{
	static const char *const bdf[FAKE_VFS] = {"0000:81:10.0", "0000:81:10.1", "0000:81:10.2", "0000:81:10.3",
						  "0000:81:10.4", "0000:81:10.5", "0000:81:10.6", "0000:81:10.7"};
	return bdf[vf];
}

static void file(struct fake_kernel *kernel, const char *text, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void file(struct fake_kernel *kernel, const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fake_file(&kernel->host, path, text);
}

static void link_to(struct fake_kernel *kernel, const char *target, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void link_to(struct fake_kernel *kernel, const char *target, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fake_link(&kernel->host, path, target);
}

static bool there(const struct fake_kernel *kernel, char *ret_full, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool there(const struct fake_kernel *kernel, char *ret_full, const char *format, ...)
{
	struct stat st;
	va_list args;
	int used = snprintf(ret_full, PATH_MAX, "%s/", kernel->host.root);
	va_start(args, format);
	vsnprintf(ret_full + used, PATH_MAX - (size_t)used, format, args);
	va_end(args);
	return lstat(ret_full, &st) == 0;
}

static void driver_of(const struct fake_kernel *kernel, const char *bdf, char *ret, size_t size)
{
	char full[PATH_MAX], target[PATH_MAX] = "";
	ret[0] = '\0';
	if (there(kernel, full, DEVICES "/%s/driver", bdf) && readlink(full, target, sizeof(target) - 1) > 0)
		snprintf(ret, size, "%s", strrchr(target, '/') + 1);
}

static void override_of(const struct fake_kernel *kernel, const char *bdf, char *ret, size_t size)
{
	char full[PATH_MAX];
	cat_autofree char *text = NULL;
	ret[0] = '\0';
	if (there(kernel, full, DEVICES "/%s/driver_override", bdf) &&
	    cat_file_read(AT_FDCWD, full, 256, &text, NULL, NULL) == 0)
		snprintf(ret, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static void add_device(struct fake_kernel *kernel, const char *bdf, unsigned group)
{
	char text[64];
	file(kernel, "0x020000\n", DEVICES "/%s/class", bdf);
	file(kernel, "1\n", DEVICES "/%s/numa_node", bdf);
	file(kernel, "(null)\n", DEVICES "/%s/driver_override", bdf);
	file(kernel, "", DEVICES "/%s/reset", bdf);
	snprintf(text, sizeof(text), "../../../devices/pci0000:80/%s", bdf);
	link_to(kernel, text, "sys/bus/pci/devices/%s", bdf);
	link_to(kernel, text, "sys/kernel/iommu_groups/%u/devices/%s", group, bdf);
	snprintf(text, sizeof(text), "../../../kernel/iommu_groups/%u", group);
	link_to(kernel, text, DEVICES "/%s/iommu_group", bdf);
}

static void remove_at(struct fake_kernel *kernel, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void remove_at(struct fake_kernel *kernel, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fake_remove(&kernel->host, path);
}

// The kernel's drivers have an interface each.
static const char *interface_of(const char *bdf, char *name, size_t size)
{
	if (strcmp(bdf, FAKE_PF) == 0)
		snprintf(name, size, FAKE_PF_NAME);
	else
		snprintf(name, size, FAKE_PF_NAME "v%c", bdf[strlen(bdf) - 1]);
	return name;
}

static void bind_to(struct fake_kernel *kernel, const char *bdf, const char *driver)
{
	char text[64], name[32];
	snprintf(text, sizeof(text), "../../../bus/pci/drivers/%s", driver);
	link_to(kernel, text, DEVICES "/%s/driver", bdf);
	if (strcmp(driver, "vfio-pci") == 0)
		return;
	interface_of(bdf, name, sizeof(name));
	file(kernel, "0x1002\n", DEVICES "/%s/net/%s/flags", bdf, name);
	snprintf(text, sizeof(text), "%d\n", strcmp(bdf, FAKE_PF) == 0 ? FAKE_PF_INDEX : 100);
	file(kernel, text, DEVICES "/%s/net/%s/ifindex", bdf, name);
	snprintf(text, sizeof(text), "../../devices/pci0000:80/%s/net/%s", bdf, name);
	link_to(kernel, text, "sys/class/net/%s", name);
	snprintf(text, sizeof(text), "../../../%s", bdf);
	link_to(kernel, text, DEVICES "/%s/net/%s/device", bdf, name);
}

static void unbind(struct fake_kernel *kernel, const char *bdf)
{
	char full[PATH_MAX], name[32];
	interface_of(bdf, name, sizeof(name));
	if (there(kernel, full, "sys/class/net/%s", name)) {
		remove_at(kernel, "sys/class/net/%s", name);
		remove_at(kernel, DEVICES "/%s/net", bdf);
	}
	if (there(kernel, full, DEVICES "/%s/driver", bdf))
		remove_at(kernel, DEVICES "/%s/driver", bdf);
}

static const char *own_driver(const struct fake_kernel *kernel, const char *bdf)
{
	bool mellanox = strcmp(kernel->pf_driver, "mlx5_core") == 0;
	return strcmp(bdf, FAKE_PF) == 0 || mellanox ? kernel->pf_driver : "iavf";
}

static void probe(struct fake_kernel *kernel, const char *bdf)
{
	char driver[32], override[32];
	driver_of(kernel, bdf, driver, sizeof(driver));
	override_of(kernel, bdf, override, sizeof(override));
	if (!*driver)
		bind_to(kernel, bdf, strcmp(override, "(null)") == 0 ? own_driver(kernel, bdf) : override);
}

static void set_vfs(struct fake_kernel *kernel, unsigned count)
{
	char text[64];
	for (unsigned i = 0; i < kernel->vfs; i++) {
		unbind(kernel, fake_vf(i));
		remove_at(kernel, "sys/bus/pci/devices/%s", fake_vf(i));
		remove_at(kernel, "sys/kernel/iommu_groups/%u", 50 + i);
		remove_at(kernel, DEVICES "/%s", fake_vf(i));
		remove_at(kernel, DEVICES "/" FAKE_PF "/virtfn%u", i);
	}
	for (unsigned i = 0; i < count; i++) {
		add_device(kernel, fake_vf(i), 50 + i);
		link_to(kernel, "../" FAKE_PF, DEVICES "/%s/physfn", fake_vf(i));
		snprintf(text, sizeof(text), "../%s", fake_vf(i));
		link_to(kernel, text, DEVICES "/" FAKE_PF "/virtfn%u", i);
		kernel->vf[i] = (struct cat_vf_settings){
			.set = CAT_VF_MAC | CAT_VF_VLAN | CAT_VF_SPOOF_CHECK | CAT_VF_TRUST | CAT_VF_RATE | CAT_VF_LINK,
			.spoof_check = true,
		};
		if (kernel->autoprobe)
			probe(kernel, fake_vf(i));
	}
	kernel->vfs = count;
	snprintf(text, sizeof(text), "%u\n", count);
	file(kernel, text, DEVICES "/" FAKE_PF "/sriov_numvfs");
}

static int act_on_device(struct fake_kernel *kernel, const char *bdf, const char *attribute, const char *text)
{
	if (strcmp(attribute, "driver_override") == 0) {
		file(kernel, *text == '\n' ? "(null)\n" : text, DEVICES "/%s/driver_override", bdf);
	} else if (strcmp(attribute, "reset") == 0) {
		kernel->resets++;
	} else if (strcmp(attribute, "sriov_drivers_autoprobe") == 0) {
		kernel->autoprobe = *text == '1';
		file(kernel, text, DEVICES "/%s/%s", bdf, attribute);
	} else if (strcmp(attribute, "sriov_numvfs") == 0) {
		unsigned count = (unsigned)atoi(text);
		if (count > FAKE_VFS)
			return -ERANGE;
		if (count && kernel->vfs)
			return -EBUSY;
		set_vfs(kernel, count);
	} else {
		return -ENOENT;
	}
	return 0;
}

static int act(struct fake_kernel *kernel, const char *path, const char *text)
{
	char bdf[16] = "", name[64] = "", what[64] = "", found[32], full[PATH_MAX];
	if (sscanf(path, "sys/bus/pci/devices/%15[^/]/%63s", bdf, name) == 2)
		return there(kernel, full, DEVICES "/%s", bdf) ? act_on_device(kernel, bdf, name, text) : -ENOENT;
	if (strcmp(path, "sys/bus/pci/drivers_probe") == 0) {
		probe(kernel, text);
		return 0;
	}
	if (sscanf(path, "sys/bus/pci/drivers/%63[^/]/%63s", name, what) != 2)
		return -ENOENT;
	driver_of(kernel, text, found, sizeof(found));
	if (strcmp(what, "unbind") == 0) {
		if (strcmp(found, name) != 0)
			return -ENODEV;
		unbind(kernel, text);
		return 0;
	}
	if (strcmp(what, "bind") != 0 || *found)
		return -ENODEV;
	bind_to(kernel, text, name);
	return 0;
}

// -EIO: this operation fails, or the caller is dead; 1: it dies after it.
static int fault(struct fake_kernel *kernel)
{
	unsigned now = kernel->operations++;
	switch (kernel->fault) {
	case FAKE_REFUSED:
		return now == kernel->fault_at ? -EIO : 0;
	case FAKE_CRASH_AFTER:
		return now == kernel->fault_at ? 1 : now > kernel->fault_at ? -EIO : 0;
	case FAKE_CRASH_BEFORE:
		return now >= kernel->fault_at ? -EIO : 0;
	default:
		return 0;
	}
}

static void note(struct fake_kernel *kernel, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct fake_kernel *kernel, const char *format, ...)
{
	size_t used = strlen(kernel->log);
	va_list args;
	va_start(args, format);
	vsnprintf(kernel->log + used, sizeof(kernel->log) - used, format, args);
	va_end(args);
}

static int do_write(void *user, const char *path, const char *text)
{
	struct fake_kernel *kernel = user;
	int r = fault(kernel);
	if (r < 0)
		return r;
	note(kernel, "write %s %.*s\n", strrchr(path, '/') + 1, (int)strcspn(text, "\n"), text);
	return act(kernel, path, text);
}

static int set_one(struct fake_kernel *kernel, const struct nlattr *attr)
{
	uint32_t vf;
	const void *data = mnl_attr_get_payload(attr);
	const struct nlattr *inner = data;
	uint16_t type = mnl_attr_get_type(attr);
	memcpy(&vf, type == IFLA_VF_VLAN_LIST ? mnl_attr_get_payload(inner) : data, sizeof(vf));
	if (vf >= kernel->vfs)
		return -EINVAL;
	struct cat_vf_settings *s = &kernel->vf[vf];
	if (type == IFLA_VF_MAC) {
		const struct ifla_vf_mac *mac = data;
		memcpy(s->mac.byte, mac->mac, 6);
	} else if (type == IFLA_VF_VLAN_LIST) {
		const struct ifla_vf_vlan_info *info = mnl_attr_get_payload(inner);
		s->vlan = (uint16_t)info->vlan;
		s->priority = (uint8_t)info->qos;
		s->qinq = info->vlan_proto == htons(ETH_P_8021AD);
	} else if (type == IFLA_VF_RATE) {
		const struct ifla_vf_rate *rate = data;
		s->rate_min_mbps = rate->min_tx_rate;
		s->rate_max_mbps = rate->max_tx_rate;
	} else if (type == IFLA_VF_SPOOFCHK) {
		s->spoof_check = ((const struct ifla_vf_spoofchk *)data)->setting;
	} else if (type == IFLA_VF_TRUST) {
		s->trust = ((const struct ifla_vf_trust *)data)->setting;
	} else if (type == IFLA_VF_LINK_STATE) {
		s->link = (enum cat_vf_link)((const struct ifla_vf_link_state *)data)->link_state;
	} else {
		return -EOPNOTSUPP;
	}
	note(kernel, "setlink vf%u type %u\n", vf, type);
	return 0;
}

static void put_vf(struct nlmsghdr *m, uint32_t vf, const struct cat_vf_settings *s)
{
	struct nlattr *info = mnl_attr_nest_start(m, IFLA_VF_INFO);
	struct ifla_vf_mac mac = {.vf = vf};
	memcpy(mac.mac, s->mac.byte, 6);
	mnl_attr_put(m, IFLA_VF_MAC, sizeof(mac), &mac);
	struct ifla_vf_vlan_info vlan = {.vf = vf,
					 .vlan = s->vlan,
					 .qos = s->priority,
					 .vlan_proto = htons(s->qinq ? ETH_P_8021AD : ETH_P_8021Q)};
	struct nlattr *list = mnl_attr_nest_start(m, IFLA_VF_VLAN_LIST);
	mnl_attr_put(m, IFLA_VF_VLAN_INFO, sizeof(vlan), &vlan);
	mnl_attr_nest_end(m, list);
	struct ifla_vf_rate rate = {.vf = vf, .min_tx_rate = s->rate_min_mbps, .max_tx_rate = s->rate_max_mbps};
	mnl_attr_put(m, IFLA_VF_RATE, sizeof(rate), &rate);
	struct ifla_vf_spoofchk spoof = {.vf = vf, .setting = s->spoof_check};
	mnl_attr_put(m, IFLA_VF_SPOOFCHK, sizeof(spoof), &spoof);
	struct ifla_vf_trust trust = {.vf = vf, .setting = s->set & CAT_VF_TRUST ? s->trust : UINT32_MAX};
	mnl_attr_put(m, IFLA_VF_TRUST, sizeof(trust), &trust);
	struct ifla_vf_link_state link = {.vf = vf, .link_state = s->link};
	mnl_attr_put(m, IFLA_VF_LINK_STATE, sizeof(link), &link);
	mnl_attr_nest_end(m, info);
}

static int do_talk(void *user, struct nlmsghdr *request, cat_netlink_fn reply, void *reply_user)
{
	struct fake_kernel *kernel = user;
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(request);
	const struct nlattr *attr, *info, *one;
	int r = fault(kernel);
	if (r < 0)
		return r;
	if (header->ifi_index != FAKE_PF_INDEX || !(request->nlmsg_flags & NLM_F_ACK))
		return -ENODEV;
	if (request->nlmsg_type == RTM_SETLINK) {
		r = 0;
		mnl_attr_for_each(attr, request, sizeof(*header)) if (mnl_attr_get_type(attr) == IFLA_VFINFO_LIST)
			mnl_attr_for_each_nested(info, attr) if (mnl_attr_get_type(info) == IFLA_VF_INFO)
				mnl_attr_for_each_nested(one, info) if (r == 0) r = set_one(kernel, one);
		return r;
	}
	uint32_t filter = 0;
	mnl_attr_for_each(attr, request, sizeof(*header)) if (mnl_attr_get_type(attr) == IFLA_EXT_MASK) filter =
		mnl_attr_get_u32(attr);
	if (request->nlmsg_type != RTM_GETLINK || filter != RTEXT_FILTER_VF)
		return -EOPNOTSUPP;
	_Alignas(struct nlmsghdr) char buffer[8192] = {0};
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	m->nlmsg_type = RTM_NEWLINK;
	mnl_nlmsg_put_extra_header(m, sizeof(*header));
	mnl_attr_put_strz(m, IFLA_IFNAME, FAKE_PF_NAME);
	struct nlattr *list = mnl_attr_nest_start(m, IFLA_VFINFO_LIST);
	for (unsigned i = 0; i < kernel->vfs && !kernel->silent; i++)
		put_vf(m, i, &kernel->vf[i]);
	mnl_attr_nest_end(m, list);
	return reply ? reply(m, reply_user) : 0;
}

void fake_kernel_init(struct fake_kernel *kernel, unsigned vfs, const char *pf_driver)
{
	*kernel = (struct fake_kernel){.autoprobe = true};
	fake_host_init(&kernel->host);
	kernel->io = (struct cat_nic_io){.root = kernel->host.root, .write = do_write, .talk = do_talk, .user = kernel};
	snprintf(kernel->pf_driver, sizeof(kernel->pf_driver), "%s", pf_driver);
	file(kernel, "", "sys/bus/pci/drivers/vfio-pci/new_id");
	add_device(kernel, FAKE_PF, 40);
	file(kernel, "8\n", DEVICES "/" FAKE_PF "/sriov_totalvfs");
	file(kernel, "1\n", DEVICES "/" FAKE_PF "/sriov_drivers_autoprobe");
	bind_to(kernel, FAKE_PF, pf_driver);
	set_vfs(kernel, vfs);
}

void fake_kernel_finish(struct fake_kernel *kernel)
{
	fake_host_finish(&kernel->host);
}

char *fake_kernel_state(const struct fake_kernel *kernel)
{
	char *text = NULL, driver[32], override[32], mac[CAT_ADDR_TEXT_MAX], full[PATH_MAX];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		abort();
	driver_of(kernel, FAKE_PF, driver, sizeof(driver));
	override_of(kernel, FAKE_PF, override, sizeof(override));
	fprintf(out, "pf %s %s vfs %u autoprobe %d\n", driver, override, kernel->vfs, kernel->autoprobe);
	for (unsigned i = 0; i < kernel->vfs; i++) {
		const struct cat_vf_settings *s = &kernel->vf[i];
		driver_of(kernel, fake_vf(i), driver, sizeof(driver));
		override_of(kernel, fake_vf(i), override, sizeof(override));
		fprintf(out, "vf%u %s %s net %d mac %s vlan %u %u %d spoof %d trust %d rate %u %u link %d\n", i,
			*driver ? driver : "-", override, there(kernel, full, DEVICES "/%s/net", fake_vf(i)),
			cat_mac_format(&s->mac, mac), s->vlan, s->priority, s->qinq, s->spoof_check, s->trust,
			s->rate_min_mbps, s->rate_max_mbps, s->link);
	}
	fclose(out);
	return text;
}
