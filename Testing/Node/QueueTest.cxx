/* What becomes of a series in the queue. */
#include "NodeError.h"
#include "QueueFixture.h"

#include <sys/stat.h>

using namespace frugalseg::node;

namespace
{

class QueueTest : public QueueFixture
{
};

bool isIn(const Queue &queue, fseg_node_state state, const std::string &key)
{
    return exists(queue.pathOf(state, key));
}

} // namespace

TEST_F(QueueTest, ASeriesGoesItsWayAndItsImagesAreRemovedInTheEnd)
{
    Queue queue(folder_);
    receiveAndClaim(queue, 3);
    const std::string key = keyIn(queue);
    EXPECT_EQ(3u, queue.instances(FSEG_NODE_WORKING, key));
    writeSeg(queue);
    queue.finish(key);
    EXPECT_TRUE(isIn(queue, FSEG_NODE_SEGMENTED, key));
    queue.sent(key);
    EXPECT_TRUE(isIn(queue, FSEG_NODE_SENT, key));
    EXPECT_FALSE(exists(queue.pathOf(FSEG_NODE_SENT, key) + "/instances"));
    EXPECT_EQ(3u, queue.instances(FSEG_NODE_SENT, key));
    EXPECT_TRUE(namesIn(folder_ + "/trash").empty());
}

TEST_F(QueueTest, NamesAreHexadecimalWhateverTheUidsAre)
{
    Queue queue(folder_);
    for (const char *uid : {"../../etc/passwd", "/etc/passwd", "..", "", "a\nb", "1.2.3"}) {
        EXPECT_TRUE(isKey(queue.keyOf(uid, uid))) << uid;
        const std::string name = queue.nameOf(uid);
        EXPECT_EQ(".dcm", name.substr(32));
        EXPECT_TRUE(isKey(name.substr(0, 32))) << uid;
    }
    EXPECT_NE(queue.keyOf("1.2", "3"), queue.keyOf("1.23", ""));
}

TEST_F(QueueTest, NamesDependOnTheSecretOfTheQueue)
{
    EXPECT_NE(Queue(folder_).keyOf("1.2", "1.3"), Queue(root_ + "/other").keyOf("1.2", "1.3"));
    EXPECT_EQ(Queue(folder_).keyOf("1.2", "1.3"), Queue(folder_).keyOf("1.2", "1.3"));
}

TEST_F(QueueTest, OnlyTheOwnerCanReadIt)
{
    Queue queue(folder_);
    struct stat info;
    ASSERT_EQ(0, stat(folder_.c_str(), &info));
    EXPECT_EQ(0700u, info.st_mode & 0777u);
}

TEST_F(QueueTest, AnInstanceThatComesTwiceCountsOnce)
{
    Queue queue(folder_);
    receive(queue, 1);
    receive(queue, 1);
    EXPECT_EQ(1u, queue.instances(FSEG_NODE_RECEIVED, keyIn(queue)));
}

TEST_F(QueueTest, ALateInstanceTakesAWaitingSeriesBack)
{
    Queue queue(folder_);
    receive(queue, 1);
    queue.promote(keyIn(queue));
    receive(queue, 2);
    EXPECT_FALSE(isIn(queue, FSEG_NODE_READY, keyIn(queue)));
    EXPECT_EQ(2u, queue.instances(FSEG_NODE_RECEIVED, keyIn(queue)));
}

TEST_F(QueueTest, AnAssociationThatBrokeOffLeavesAMarkUntilALaterOneEndsInOrder)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receive(queue, 1, "run1-1");
    receive(queue, 2, "run2-1");
    EXPECT_EQ(2u, queue.openAssociations(key).size());
    queue.release({key}, "run2-1");
    EXPECT_TRUE(queue.openAssociations(key).empty());
    receive(queue, 1, "run2-2");
    receive(queue, 2, "run2-3");
    queue.release({key}, "run2-3");
    EXPECT_EQ(std::vector<std::string>{"run2-2"}, queue.openAssociations(key)); // may be alive
}

TEST_F(QueueTest, TheSameImagesSentAgainBringTheSameSeg)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receiveAndClaim(queue, 3);
    segmentAndSend(queue);
    receive(queue, 1);
    EXPECT_EQ(Promotion::Known, queue.promote(key));
    EXPECT_TRUE(isIn(queue, FSEG_NODE_SEGMENTED, key));
    EXPECT_FALSE(isIn(queue, FSEG_NODE_RECEIVED, key));
    queue.sent(key);
    EXPECT_EQ("segmentation", readText(queue.pathOf(FSEG_NODE_SENT, key) + "/seg.dcm", 99));
}

TEST_F(QueueTest, ImagesThatComeAfterTheSegAloneFailAndTogetherWithTheOthersAreSegmented)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receiveAndClaim(queue, 3);
    segmentAndSend(queue);
    receive(queue, 7);
    EXPECT_EQ(Promotion::Refused, queue.promote(key));
    EXPECT_EQ("late", queue.reasonOf(FSEG_NODE_FAILED, key).id);
    for (int i = 0; i < 3; ++i) {
        receive(queue, i);
    }
    EXPECT_EQ(Promotion::Ready, queue.promote(key));
    EXPECT_EQ(4u, queue.instances(FSEG_NODE_READY, key)); // with the one that had failed
    EXPECT_FALSE(isIn(queue, FSEG_NODE_SENT, key));
    EXPECT_FALSE(isIn(queue, FSEG_NODE_FAILED, key));
}

TEST_F(QueueTest, ASeriesInHandMakesItsSuccessorWait)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receiveAndClaim(queue, 2);
    receive(queue, 5);
    EXPECT_EQ(Promotion::Later, queue.promote(key));
    writeSeg(queue);
    queue.finish(key);
    EXPECT_EQ(Promotion::Later, queue.promote(key));
    EXPECT_EQ(1u, queue.instances(FSEG_NODE_RECEIVED, key));
}

TEST_F(QueueTest, AFailureKeepsTheImagesAndItsReason)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receiveAndClaim(queue, 2);
    Reason reason;
    reason.id = "missing-slice";
    reason.text = "A slice is missing\nbetween 3 and 4 \xff.";
    queue.fail(FSEG_NODE_WORKING, key, reason);
    EXPECT_EQ("A slice is missing?between 3 and 4 ?.", queue.reasonOf(FSEG_NODE_FAILED, key).text);
    EXPECT_EQ(2u, queue.instances(FSEG_NODE_FAILED, key));
    EXPECT_TRUE(queue.retry(key));
    EXPECT_EQ(2u, queue.instances(FSEG_NODE_RECEIVED, key));
    EXPECT_FALSE(queue.retry(key));
}

TEST_F(QueueTest, OnlyTheSendingIsTriedAgainWhenOnlyThatFailed)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receiveAndClaim(queue, 2);
    writeSeg(queue);
    queue.finish(key);
    queue.fail(FSEG_NODE_SEGMENTED, key, Reason());
    EXPECT_TRUE(queue.retry(key));
    EXPECT_TRUE(isIn(queue, FSEG_NODE_SEGMENTED, key));
}

TEST_F(QueueTest, NothingButAKeyIsForgotten)
{
    Queue queue(folder_);
    receiveAndClaim(queue, 1);
    segmentAndSend(queue);
    writeText(root_ + "/precious", "kept");
    EXPECT_FALSE(queue.forget("../../precious"));
    EXPECT_FALSE(queue.forget(""));
    EXPECT_TRUE(exists(root_ + "/precious"));
    EXPECT_TRUE(queue.forget(keyIn(queue)));
    EXPECT_TRUE(queue.keys(FSEG_NODE_SENT).empty());
}

TEST_F(QueueTest, OldSeriesAreForgottenAndNewOnesAreNot)
{
    Queue queue(folder_);
    receiveAndClaim(queue, 1);
    segmentAndSend(queue);
    EXPECT_EQ(0u, queue.purge(3600.0));
    EXPECT_EQ(1u, queue.purge(-1.0));
    EXPECT_TRUE(queue.keys(FSEG_NODE_SENT).empty());
}

TEST_F(QueueTest, ADamagedReasonOrSaltIsNoCrash)
{
    Queue queue(folder_);
    const std::string key = keyIn(queue);
    receiveAndClaim(queue, 1);
    queue.fail(FSEG_NODE_WORKING, key, Reason());
    writeText(queue.pathOf(FSEG_NODE_FAILED, key) + "/reason.json", "{\"id\": 3, ");
    EXPECT_EQ("", queue.reasonOf(FSEG_NODE_FAILED, key).id);
    writeText(folder_ + "/salt", "short");
    EXPECT_THROW(Queue{folder_}, NodeError);
}
