// SPDX-License-Identifier: BSD-3-Clause
#include "method.h"

#include "cat_cleanup.h"

#define JSON_BODY true
#define METHOD_SCOPE(scope, verb, path, body, interface, versions, kind, schema, answer, handle, parameters, summary,  \
		     answers)                                                                                          \
	{                                                                                                              \
		{verb, path, sol_dispatch, body, parameters, summary, answers, scope, true}, interface, versions,      \
			kind, schema, answer, handle                                                                   \
	}
#define METHOD(...) METHOD_SCOPE(ACCESS_ADMIN, __VA_ARGS__)
#define OPERATE(...) METHOD_SCOPE(ACCESS_OPERATE, __VA_ARGS__)
#define GET(path, interface, versions, kind, answer, handle, parameters, summary)                                      \
	METHOD_SCOPE(ACCESS_READ, "GET", path, false, interface, versions, kind, NULL, answer, handle, parameters,     \
		     summary, "200, 304, 400, 404, 406")
#define ADMIN_TASK(path, versions, kind, schema, handle, summary)                                                      \
	METHOD("POST", path, JSON_BODY, "vnflcm", versions, kind, schema, NULL, handle, "", summary,                   \
	       "202, 400, 404, 406, 409, 413, 415, 422")
#define TASK(path, versions, kind, schema, handle, summary)                                                            \
	OPERATE("POST", path, JSON_BODY, "vnflcm", versions, kind, schema, NULL, handle, "", summary,                  \
		"202, 400, 404, 406, 409, 413, 415, 422")
#define LIST "filter, all_fields, fields, exclude_fields, exclude_default, nextpage_opaque_marker"
#define BOTH (SOL_V1 | SOL_V2)
#define I "/vnf_instances"
#define O "/vnf_lcm_op_occs"
#define S "/subscriptions"

// The same of each interface.
#define SUBSCRIPTIONS(interface, versions, kind, schema, answer)                                                       \
	GET(S, interface, versions, kind, answer, list_subscriptions, "filter, nextpage_opaque_marker",                \
	    "All subscriptions."),                                                                                     \
		METHOD("POST", S, JSON_BODY, interface, versions, kind, schema, answer, create_subscription, "",       \
		       "Asks for notifications; the callback is tried with a GET that answers 204.",                   \
		       "201, 303, 400, 406, 409, 413, 415, 422"),                                                      \
		GET(S "/{id}", interface, versions, kind, answer, get_subscription, "", "One subscription."),          \
		METHOD("DELETE", S "/{id}", false, interface, versions, kind, NULL, NULL, delete_subscription, "",     \
		       "Ends a subscription.", "204, 404, 406")

const struct sol_method sol_methods[] = {
	GET("/api_versions", "vnflcm", BOTH, SOL_KINDS, "ApiVersionInformation", get_api_versions, "",
	    "The versions of the interface that are served here (SOL013 clause 9.3)."),
	GET(I, "vnflcm", BOTH, SOL_INSTANCE, "VnfInstances", list_instances, LIST, "All VNF instances."),
	METHOD("POST", I, JSON_BODY, "vnflcm", BOTH, SOL_INSTANCE, "CreateVnfRequest", "VnfInstance", create_instance,
	       "", "Makes an instance that is not instantiated.", "201, 400, 406, 409, 413, 415, 422"),
	GET(I "/{id}", "vnflcm", BOTH, SOL_INSTANCE, "VnfInstance", get_instance, "", "One VNF instance."),
	OPERATE("PATCH", I "/{id}", JSON_BODY, "vnflcm", BOTH, SOL_INSTANCE, "VnfInfoModificationRequest", NULL,
		modify_instance, "",
		"Changes an instance's attributes (RFC 7396); vnfConfigurableProperties is the function's "
		"configuration "
		"and "
		"changes while traffic flows.",
		"202, 400, 404, 406, 409, 412, 413, 415, 422"),
	METHOD("DELETE", I "/{id}", false, "vnflcm", BOTH, SOL_INSTANCE, NULL, NULL, delete_instance, "",
	       "Forgets an instance that is not instantiated.", "204, 404, 406, 409, 412"),
	ADMIN_TASK(I "/{id}/instantiate", BOTH, SOL_INSTANCE, "InstantiateVnfRequest", task_instantiate,
		   "Starts a service of this one function between the ports that extVirtualLinks name."),
	TASK(I "/{id}/scale", BOTH, SOL_INSTANCE, "ScaleVnfRequest", task_scale, "More or fewer lanes."),
	TASK(I "/{id}/scale_to_level", BOTH, SOL_INSTANCE, "ScaleVnfToLevelRequest", task_scale_to_level,
	     "As many lanes as a level says."),
	TASK(I "/{id}/change_flavour", BOTH, SOL_INSTANCE, "ChangeVnfFlavourRequest", task_change_flavour,
	     "Other memory, state and limits."),
	TASK(I "/{id}/operate", BOTH, SOL_INSTANCE, "OperateVnfRequest", task_operate, "Starts or stops the function."),
	TASK(I "/{id}/heal", BOTH, SOL_INSTANCE, "HealVnfRequest", task_heal,
	     "A new container in place of the old one; flows go on."),
	TASK(I "/{id}/change_ext_conn", BOTH, SOL_INSTANCE, "ChangeExtVnfConnectivityRequest", task_change_ext_conn,
	     "Other ports."),
	ADMIN_TASK(I "/{id}/change_vnfpkg", SOL_V2, SOL_INSTANCE, "ChangeCurrentVnfPkgRequest", task_change_vnfpkg,
		   "Another package's function in its place."),
	ADMIN_TASK(I "/{id}/terminate", BOTH, SOL_INSTANCE, "TerminateVnfRequest", task_terminate,
		   "Takes a service of one down."),
	GET(O, "vnflcm", BOTH, SOL_OCCURRENCE, "VnfLcmOpOccs", list_occurrences, LIST,
	    "Operations that run or ran, of SOL003 and of the other APIs."),
	GET(O "/{id}", "vnflcm", BOTH, SOL_OCCURRENCE, "VnfLcmOpOcc", get_occurrence, "", "One operation."),
	TASK(O "/{id}/retry", BOTH, SOL_OCCURRENCE, NULL, task_retry, "Tries a failed operation again."),
	TASK(O "/{id}/rollback", BOTH, SOL_OCCURRENCE, NULL, task_rollback, "Undoes a failed operation."),
	OPERATE("POST", O "/{id}/fail", JSON_BODY, "vnflcm", BOTH, SOL_OCCURRENCE, NULL, "VnfLcmOpOcc", task_fail, "",
		"Gives a failed operation up.", "200, 404, 406, 409"),
	TASK(O "/{id}/cancel", BOTH, SOL_OCCURRENCE, "CancelMode", task_cancel,
	     "Ends an operation after its present step."),
	SUBSCRIPTIONS("vnflcm", BOTH, SOL_LCM_SUBSCRIPTION, "LccnSubscriptionRequest", "LccnSubscription"),

	GET("/api_versions", "vnffm", SOL_V1, SOL_KINDS, "ApiVersionInformation", get_api_versions, "",
	    "The versions of the interface that are served here."),
	GET("/alarms", "vnffm", SOL_V1, SOL_ALARM, "Alarms", list_alarms, LIST,
	    "Alarms that are active, and those that were."),
	GET("/alarms/{id}", "vnffm", SOL_V1, SOL_ALARM, "Alarm", get_alarm, "", "One alarm."),
	OPERATE("PATCH", "/alarms/{id}", JSON_BODY, "vnffm", SOL_V1, SOL_ALARM, "AlarmModifications",
		"AlarmModifications", modify_alarm, "", "Acknowledges an alarm, or takes that back.",
		"200, 400, 404, 406, 409, 412, 413, 415, 422"),
	SUBSCRIPTIONS("vnffm", SOL_V1, SOL_FM_SUBSCRIPTION, "FmSubscriptionRequest", "FmSubscription"),

	GET("/api_versions", "vnfpm", SOL_V1, SOL_KINDS, "ApiVersionInformation", get_api_versions, "",
	    "The versions of the interface that are served here."),
	GET("/pm_jobs", "vnfpm", SOL_V1, SOL_PM_JOB, "PmJobs", list_pm_jobs, LIST, "Jobs that collect measurements."),
	METHOD("POST", "/pm_jobs", JSON_BODY, "vnfpm", SOL_V1, SOL_PM_JOB, "CreatePmJobRequest", "PmJob", create_pm_job,
	       "", "Collects measurements (IFA027) every so many seconds and reports them.",
	       "201, 400, 406, 409, 413, 415, 422"),
	GET("/pm_jobs/{id}", "vnfpm", SOL_V1, SOL_PM_JOB, "PmJob", get_pm_job, "", "One job, with its last reports."),
	METHOD("DELETE", "/pm_jobs/{id}", false, "vnfpm", SOL_V1, SOL_PM_JOB, NULL, NULL, delete_pm_job, "",
	       "Ends a job; its reports go with it.", "204, 404, 406"),
	GET("/reports/{id}", "vnfpm", SOL_V1, SOL_REPORT, "PerformanceReport", get_report, "", "One report."),
	GET("/thresholds", "vnfpm", SOL_V1, SOL_THRESHOLD, "Thresholds", list_pm_jobs, LIST,
	    "Thresholds that are watched."),
	METHOD("POST", "/thresholds", JSON_BODY, "vnfpm", SOL_V1, SOL_THRESHOLD, "CreateThresholdRequest", "Threshold",
	       create_threshold, "", "Watches a measurement, taken over each second.",
	       "201, 400, 406, 409, 413, 415, 422"),
	GET("/thresholds/{id}", "vnfpm", SOL_V1, SOL_THRESHOLD, "Threshold", get_pm_job, "", "One threshold."),
	METHOD("DELETE", "/thresholds/{id}", false, "vnfpm", SOL_V1, SOL_THRESHOLD, NULL, NULL, delete_pm_job, "",
	       "Watches it no longer.", "204, 404, 406"),
	SUBSCRIPTIONS("vnfpm", SOL_V1, SOL_PM_SUBSCRIPTION, "PmSubscriptionRequest", "PmSubscription"),
};
const size_t sol_method_count = CAT_ARRAY_LEN(sol_methods);
