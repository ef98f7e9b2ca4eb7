/* What a node may be told, and who may call it. */
#include "Settings.h"
#include "Association.h"
#include "NodeError.h"
#include "Sender.h"

#include <gtest/gtest.h>

using namespace frugalseg::node;

namespace
{

Address address(const char *text)
{
    Address out{};
    EXPECT_TRUE(readAddress(text, out)) << text;
    return out;
}

fseg_node_options usable()
{
    fseg_node_options options = fseg_node_default_options();
    options.aet = "NODE";
    options.queue = "queue";
    fseg_error error;
    EXPECT_EQ(FSEG_OK, fseg_node_peer_parse("PACS@127.0.0.1:104", &options.peer, &error));
    options.model = reinterpret_cast<const fseg_model *>(&error); // not looked at
    options.model_name = options.model_version = options.model_sha256 = "x";
    options.structure = "liver";
    return options;
}

} // namespace

TEST(NodeSettings, RangesHoldTheirAddressesAndNoOthers)
{
    EXPECT_TRUE(AddressRange("10.1.2.0/24").holds(address("10.1.2.255")));
    EXPECT_FALSE(AddressRange("10.1.2.0/24").holds(address("10.1.3.0")));
    EXPECT_TRUE(AddressRange("10.1.2.128/25").holds(address("10.1.2.129")));
    EXPECT_FALSE(AddressRange("10.1.2.128/25").holds(address("10.1.2.127")));
    EXPECT_TRUE(AddressRange("10.1.2.3").holds(address("10.1.2.3")));
    EXPECT_FALSE(AddressRange("10.1.2.3").holds(address("10.1.2.4")));
    EXPECT_TRUE(AddressRange("0.0.0.0/0").holds(address("192.0.2.1")));
    EXPECT_FALSE(AddressRange("0.0.0.0/0").holds(address("2001:db8::1")));
    EXPECT_TRUE(AddressRange("2001:db8::/32").holds(address("2001:db8:ffff::1")));
    EXPECT_FALSE(AddressRange("2001:db8::/32").holds(address("2001:db9::1")));
    EXPECT_TRUE(AddressRange("10.1.2.3").holds(address("::ffff:10.1.2.3")));
}

TEST(NodeSettings, WhatIsNoAddressIsRefused)
{
    for (const char *text : {"", "10.1.2", "10.1.2.3/33", "10.1.2.3/", "10.1.2.3/-1", "10.1.2.3/8x",
                             "localhost", "::1/129", "10.1.2.256"}) {
        EXPECT_THROW(AddressRange{text}, NodeError) << text;
    }
}

TEST(NodeSettings, WithoutAListOnlyThisComputerMayCall)
{
    const Settings settings(usable());
    EXPECT_TRUE(settings.addressAllowed(address("127.0.0.1")));
    EXPECT_TRUE(settings.addressAllowed(address("::1")));
    EXPECT_FALSE(settings.addressAllowed(address("10.1.2.3")));
    EXPECT_TRUE(settings.callerAllowed("ANYONE"));
}

TEST(NodeSettings, ListeningBeyondThisComputerNeedsBothLists)
{
    fseg_node_options options = usable();
    const char *callers[] = {"PACS"}, *addresses[] = {"10.0.0.0/8"};
    options.bind = "0.0.0.0";
    EXPECT_THROW(Settings{options}, NodeError);
    options.callers = callers;
    options.caller_count = 1;
    EXPECT_THROW(Settings{options}, NodeError);
    options.addresses = addresses;
    options.address_count = 1;
    const Settings settings(options);
    EXPECT_TRUE(settings.callerAllowed("PACS"));
    EXPECT_FALSE(settings.callerAllowed("PACS2"));
    EXPECT_FALSE(settings.addressAllowed(address("127.0.0.1")));
}

TEST(NodeSettings, AModelWhoseMasksCannotBeSentIsNotStarted)
{
    fseg_node_options options = usable();
    options.structure = "spleen of a dragon";
    EXPECT_THROW(Settings{options}, NodeError);
}

TEST(NodeSettings, PeersAreReadAndWrongOnesRefused)
{
    fseg_node_peer peer;
    fseg_error error;
    ASSERT_EQ(FSEG_OK, fseg_node_peer_parse("PACS@[::1]:11112", &peer, &error));
    EXPECT_STREQ("PACS", peer.aet);
    EXPECT_STREQ("::1", peer.host);
    EXPECT_EQ(11112, peer.port);
    for (const char *text : {"", "PACS", "PACS@host", "PACS@:104", "@host:104", "PACS@host:0",
                             "PACS@host:70000", "ATITLETHATISTOOLONG@host:104", "PACS@host:104x"}) {
        EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_node_peer_parse(text, &peer, &error)) << text;
    }
}

TEST(NodeSettings, OnlyUidsAreUids)
{
    EXPECT_TRUE(isUid("1.2.840.10008.1"));
    for (const std::string &text : {std::string(), std::string("../1"), std::string("1.2/3"),
                                    std::string(65, '1'), std::string(".1"), std::string("1.")}) {
        EXPECT_FALSE(isUid(text)) << text;
    }
}

TEST(NodeSettings, TheTimeBetweenAttemptsDoublesUpToFiveMinutes)
{
    EXPECT_EQ(1.0, backoff(1));
    EXPECT_EQ(2.0, backoff(2));
    EXPECT_EQ(256.0, backoff(9));
    EXPECT_EQ(300.0, backoff(10));
    EXPECT_EQ(300.0, backoff(1000000));
}
