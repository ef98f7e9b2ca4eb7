/* The process ends between any two changes on the disk: afterwards nothing is lost, nothing
 * doubled. */
#include "QueueFixture.h"

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

using namespace frugalseg::node;

namespace
{

constexpr int finished = 0, ended = 9;

class QueueKillTest : public QueueFixture
{
  protected:
    using Work = std::function<void(Queue &)>;

    /** Do `work` in a process that ends, without any cleaning up, at its step `which`. */
    int endAt(int which, const Work &work)
    {
        const pid_t process = fork();
        if (process == 0) {
            int steps = 0;
            Queue queue(folder_, [&](const char *) {
                if (++steps == which) {
                    _exit(ended);
                }
            });
            work(queue);
            _exit(finished);
        }
        int status = 0;
        waitpid(process, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    /** For every step of `work`: prepare a fresh queue, end there, open it again, and `look`. */
    void endAtEveryStep(const Work &prepare, const Work &work, const Work &look)
    {
        int which = 1;
        for (int code = ended; code == ended; ++which) {
            removeTree(folder_);
            {
                Queue queue(folder_);
                prepare(queue);
            }
            code = endAt(which, work);
            ASSERT_TRUE(code == ended || code == finished) << "step " << which;
            SCOPED_TRACE("ended at step " + std::to_string(which));
            Queue queue(folder_);
            queue.recover();
            EXPECT_TRUE(namesIn(folder_ + "/incoming").empty());
            EXPECT_TRUE(namesIn(folder_ + "/trash").empty());
            look(queue);
        }
        EXPECT_GT(which, 3) << "there was nothing to end at";
    }

    /** States in which the series lies. */
    static std::vector<fseg_node_state> statesOf(const Queue &queue)
    {
        std::vector<fseg_node_state> states;
        for (int i = 0; i < FSEG_NODE_STATE_COUNT; ++i) {
            const auto state = static_cast<fseg_node_state>(i);
            if (exists(queue.pathOf(state, keyIn(queue)))) {
                states.push_back(state);
            }
        }
        return states;
    }
    static void expectWhole(const Queue &queue, fseg_node_state state, int instances)
    {
        const std::string folder = queue.pathOf(state, keyIn(queue)) + "/instances/";
        for (int i = 0; i < instances; ++i) {
            EXPECT_EQ(content(i), readText(folder + nameIn(queue, i), 99));
        }
    }
    static void expectOne(const Queue &queue, std::initializer_list<fseg_node_state> allowed)
    {
        const std::vector<fseg_node_state> states = statesOf(queue);
        ASSERT_EQ(1u, states.size());
        EXPECT_NE(allowed.end(), std::find(allowed.begin(), allowed.end(), states[0]))
            << fseg_node_state_name(states[0]);
    }
    static void receiveTwo(Queue &queue)
    {
        receive(queue, 0);
        receive(queue, 1);
    }
    static void claimTwo(Queue &queue)
    {
        receiveAndClaim(queue, 2);
    }
};

} // namespace

TEST_F(QueueKillTest, WhileAnInstanceIsPlacedTheEarlierOnesStay)
{
    endAtEveryStep(
        receiveTwo, [](Queue &queue) { receive(queue, 2); },
        [](Queue &queue) {
            expectOne(queue, {FSEG_NODE_RECEIVED});
            expectWhole(queue, FSEG_NODE_RECEIVED, 2);
            receive(queue, 2); // the sender tries again
            expectWhole(queue, FSEG_NODE_RECEIVED, 3);
            EXPECT_EQ(3u, queue.instances(FSEG_NODE_RECEIVED, keyIn(queue)));
        });
}

TEST_F(QueueKillTest, WhileASeriesBecomesReadyOrIsClaimed)
{
    endAtEveryStep(
        receiveTwo,
        [](Queue &queue) {
            queue.release({keyIn(queue)}, "run1-1");
            queue.promote(keyIn(queue));
            queue.claim();
        },
        [](Queue &queue) {
            expectOne(queue, {FSEG_NODE_RECEIVED, FSEG_NODE_READY});
            expectWhole(queue, statesOf(queue)[0], 2);
        });
}

TEST_F(QueueKillTest, WhileAnInstanceTakesAReadySeriesBack)
{
    endAtEveryStep(
        [](Queue &queue) {
            receiveTwo(queue);
            queue.promote(keyIn(queue));
        },
        [](Queue &queue) { receive(queue, 2); },
        [](Queue &queue) {
            expectOne(queue, {FSEG_NODE_RECEIVED, FSEG_NODE_READY});
            expectWhole(queue, statesOf(queue)[0], 2);
        });
}

TEST_F(QueueKillTest, WhileASegmentedSeriesIsHandedOnItsSegIsMadeOnce)
{
    endAtEveryStep(
        [](Queue &queue) {
            claimTwo(queue);
            writeSeg(queue);
        },
        [](Queue &queue) { queue.finish(keyIn(queue)); },
        [](Queue &queue) {
            expectOne(queue, {FSEG_NODE_SEGMENTED});
            EXPECT_EQ(2u, queue.instances(FSEG_NODE_SEGMENTED, keyIn(queue)));
        });
}

TEST_F(QueueKillTest, WhileASentSeriesIsPutAwayItsSegStays)
{
    endAtEveryStep(
        [](Queue &queue) {
            claimTwo(queue);
            writeSeg(queue);
            queue.finish(keyIn(queue));
        },
        [](Queue &queue) { queue.sent(keyIn(queue)); },
        [](Queue &queue) {
            expectOne(queue, {FSEG_NODE_SEGMENTED, FSEG_NODE_SENT});
            const fseg_node_state state = statesOf(queue)[0];
            EXPECT_EQ("segmentation", readText(queue.pathOf(state, keyIn(queue)) + "/seg.dcm", 99));
            EXPECT_EQ(2u, queue.instances(state, keyIn(queue)));
        });
}

TEST_F(QueueKillTest, WhileASeriesFailsOrIsTriedAgainItsImagesStay)
{
    endAtEveryStep(
        claimTwo,
        [](Queue &queue) {
            queue.fail(FSEG_NODE_WORKING, keyIn(queue), Reason());
            queue.retry(keyIn(queue));
        },
        [](Queue &queue) {
            expectOne(queue, {FSEG_NODE_READY, FSEG_NODE_FAILED, FSEG_NODE_RECEIVED});
            expectWhole(queue, statesOf(queue)[0], 2);
        });
}

TEST_F(QueueKillTest, WhileAFailedSeriesJoinsWhatWasSentAgain)
{
    endAtEveryStep(
        [](Queue &queue) {
            claimTwo(queue);
            queue.fail(FSEG_NODE_WORKING, keyIn(queue), Reason());
            receive(queue, 2);
        },
        [](Queue &queue) { queue.promote(keyIn(queue)); },
        [](Queue &queue) {
            queue.promote(keyIn(queue)); // as the next node does
            expectOne(queue, {FSEG_NODE_READY});
            expectWhole(queue, FSEG_NODE_READY, 3);
        });
}

TEST_F(QueueKillTest, WhileASentSeriesComesAgainThereIsStillOneSeg)
{
    endAtEveryStep(
        [](Queue &queue) {
            claimTwo(queue);
            segmentAndSend(queue);
            receiveTwo(queue);
        },
        [](Queue &queue) { queue.promote(keyIn(queue)); },
        [](Queue &queue) {
            queue.promote(keyIn(queue));
            expectOne(queue, {FSEG_NODE_SEGMENTED, FSEG_NODE_SENT});
        });
}
