/* A queue in a temporary folder, and instances to put into it. */
#ifndef FRUGALSEG_QUEUE_FIXTURE_H
#define FRUGALSEG_QUEUE_FIXTURE_H

#include "Queue.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

class QueueFixture : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        // In memory where there is such a place: these tests end processes, not the computer.
        const bool memory = access("/dev/shm", W_OK) == 0;
        std::string name = std::string(memory ? "/dev/shm" : "/tmp") + "/frugalseg-queue-XXXXXX";
        ASSERT_NE(nullptr, mkdtemp(&name[0]));
        root_ = name;
        folder_ = root_ + "/queue";
    }
    void TearDown() override
    {
        frugalseg::node::removeTree(root_);
    }

    /** Receives the instance `number` of the series that these tests are about. */
    static void receive(frugalseg::node::Queue &queue, int number,
                        const std::string &association = "run1-1")
    {
        const std::string path = queue.temporary();
        frugalseg::node::writeText(path, content(number));
        queue.place(path, keyIn(queue), nameIn(queue, number), association);
    }
    static std::string content(int number)
    {
        return "image " + std::to_string(number);
    }
    static std::string keyIn(const frugalseg::node::Queue &queue)
    {
        return queue.keyOf("1.2.3", "1.2.3.4");
    }
    static std::string nameIn(const frugalseg::node::Queue &queue, int number)
    {
        return queue.nameOf("1.2.3.4." + std::to_string(number));
    }
    /** A complete series in the working folder. */
    static void receiveAndClaim(frugalseg::node::Queue &queue, int instances)
    {
        for (int i = 0; i < instances; ++i) {
            receive(queue, i);
        }
        queue.release({keyIn(queue)}, "run1-1");
        ASSERT_EQ(frugalseg::node::Promotion::Ready, queue.promote(keyIn(queue)));
        ASSERT_EQ(keyIn(queue), queue.claim());
    }
    static void writeSeg(const frugalseg::node::Queue &queue)
    {
        frugalseg::node::writeText(queue.pathOf(FSEG_NODE_WORKING, keyIn(queue)) + "/seg.dcm",
                                   "segmentation");
    }
    static void segmentAndSend(frugalseg::node::Queue &queue)
    {
        writeSeg(queue);
        queue.finish(keyIn(queue));
        queue.sent(keyIn(queue));
    }

    std::string root_, folder_;
};

#endif
