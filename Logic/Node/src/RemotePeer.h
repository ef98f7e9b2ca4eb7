/**
 * @file RemotePeer.h
 * An association with a PACS for questions and retrieval.
 */
#ifndef FRUGALSEG_NODE_REMOTE_PEER_H
#define FRUGALSEG_NODE_REMOTE_PEER_H

#include "frugalseg/retrieve.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmnet/scu.h"
#include <memory>
#include <string>

namespace frugalseg
{
namespace node
{

/** Checks the options, and prepares `scu` with names, address and time limits. */
void prepare(DcmSCU &scu, const fseg_retrieve_options &options);
/** Open the association; throws with one sentence when there is none. */
void connect(DcmSCU &scu);
/** Throws unless the text is a UID (wildcards are none). */
void requireUid(const char *text, const char *what);
/** The accepted presentation context of a service; throws when the peer does not offer it. */
T_ASC_PresentationContextID contextOf(DcmSCU &scu, const char *service, const char *name);
/** The question for one series, in the study root. */
std::unique_ptr<DcmDataset> seriesQuestion(const char *studyUid, const char *seriesUid);

} // namespace node
} // namespace frugalseg
#endif
